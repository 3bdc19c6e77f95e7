"""The executor for Slurm, which schedules: there is no queue here, only files and Slurm's commands."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from sweepboard.execution.executor import Event, Executor, Job, Payload, Resources
from sweepboard.execution.local import GRACE
from sweepboard.execution.slurm import commands
from sweepboard.execution.slurm.adoption import running_tasks
from sweepboard.execution.slurm.arrays import cores_of, divided, gpus_of, must_end_before
from sweepboard.execution.slurm.batch import SECRETS, Batch
from sweepboard.execution.slurm.script import array_options, options, script
from sweepboard.execution.slurm.task import Task
from sweepboard.files import write_atomic
from sweepboard.settings.slurm import SlurmSettings

log = logging.getLogger(__name__)

WAIT = 0.2
"""Seconds between two looks at the files."""

ASK = 5.0
"""Seconds between two questions to Slurm."""

AGAIN = 30.0
"""Seconds until jobs are submitted again that Slurm has not taken."""

SETTLE = 10.0
"""Seconds that the last lines of a task's file may come after Slurm has said that it has ended."""

CUT_OFF = 2
"""Times that a job is submitted again whose allocation was ended though nothing had failed."""

DEAF = 30.0
"""Seconds, after those of grace, that a task has to follow what it was told."""


class SlurmExecutor(Executor):
    """Run jobs in allocations of Slurm; `folder` must be one that all its hosts share.

    Jobs that are submitted between two calls of `poll` become one job array. A job that an earlier executor
    in the same folder has left in the queue, or running, is not submitted again but followed.
    """

    several_nodes = True

    def __init__(
        self,
        settings: SlurmSettings,
        folder: Path | None = None,
        preload: Sequence[str] = (),
        jobs_per_gpu: int = 1,
        grace: float = GRACE,
    ) -> None:
        self.settings, self.folder, self.waits = settings, folder, settings.wait
        self._preload, self._jobs_per_gpu, self._grace = preload, jobs_per_gpu, grace
        self._new: list[Job] = []
        self._tasks: list[Task] = []
        self._earlier: dict[str, Task] = {}
        self._cut_off = Counter[str]()
        self._asked = self._send_at = 0.0

    def resources(self) -> Resources:
        jobs, gpus = self.settings.jobs_per_task, gpu_count(self.settings.gpus)
        names = tuple(map(str, range(gpus)))
        return Resources(self.settings.cpus or 1, None, names, jobs, self._jobs_per_gpu, here=False)

    def check(self, jobs: Sequence[Job]) -> None:
        """Raise `SlurmError` if Slurm, or an allocation as it was asked for, has no room for such jobs."""
        for job in jobs:
            if 0 < gpu_count(self.settings.gpus) < gpus_of(job):
                raise commands.SlurmError(
                    f"hydra.launcher.gpus={self.settings.gpus}: a job has {gpus_of(job)} processes on a node "
                    f"(trainer.devices), each with a GPU of its own; type hydra.launcher.gpus={gpus_of(job)}"
                )
        arrays = divided(jobs, self.settings.jobs_per_task, len(jobs))
        for wanted in dict.fromkeys(tuple(self._options(tasks)) for tasks in arrays):
            commands.check(wanted)

    def open(self) -> None:
        assert self.folder is not None  # set by the caller
        self._most = commands.most_tasks()
        self._earlier = {name: task for task in running_tasks(self.folder) for name in task.unended}

    def close(self) -> None:
        """Kill every job that still runs, but those that are not waited for."""
        if self.waits:
            commands.cancel((task.name for task in self._tasks if not task.over), kill=True)

    def submit(self, job: Job) -> None:
        task = self._earlier.pop(job.name, None)
        if task is None or not task.take_over(job):
            self._new.append(job)
        elif task not in self._tasks:
            self._tasks.append(task)

    @property
    def busy(self) -> bool:
        return bool(self._new or (self.waits and any(not task.over for task in self._tasks)))

    def has_room(self, job: Job) -> bool:  # noqa: ARG002 - all tasks are alike
        """Return whether all that was submitted has started, and there may be more at once."""
        running = [task for task in self._tasks if not task.over]
        full = len(running) >= (self.settings.at_once or len(running) + 1)
        return not (self._new or full or any(task.waits for task in running))

    def tell(self, name: str, payload: Payload) -> None:
        for task in self._with(name):
            task.tell(name, payload)

    def stop(self, name: str, reason: str) -> None:
        self._new = [job for job in self._new if job.name != name]
        for task in self._with(name):
            self._stop(task, [name], reason)

    def stop_all(self, reason: str) -> None:
        self._new.clear()
        for task in self._tasks:
            self._stop(task, task.left, reason)

    def _with(self, name: str) -> Iterator[Task]:
        return (task for task in self._tasks if name in task.left)

    def _stop(self, task: Task, names: Iterable[str], reason: str) -> None:
        for name in list(names):
            task.stop(name, reason)
            task.kill_at.setdefault(name, time.monotonic() + self._grace + DEAF)
        if task.is_away or not task.unended:
            commands.cancel([task.name])
            task.done = task.done or not task.unended  # none of its jobs has started, and none will

    def poll(self) -> list[Event]:
        self._send()
        events = self._reported() or self._ask()
        if not events and self.busy:
            time.sleep(WAIT)
        return events

    def _send(self) -> None:
        """Submit what is new. If Slurm takes none now, and jobs of ours run, try again later.

        Raise `SlurmError` if none of ours runs.
        """
        if not self._new or time.monotonic() < self._send_at:
            return
        for tasks in divided(self._new, self.settings.jobs_per_task, self._most):
            try:
                self._submit(tasks)
            except commands.SlurmError as error:
                if not self._unfinished():
                    raise
                log.warning("%s; jobs are submitted again in %g seconds", error, AGAIN)
                self._send_at = time.monotonic() + AGAIN
                return
            sent = {job.name for job in chain(*tasks)}
            self._new = [job for job in self._new if job.name not in sent]

    def _submit(self, tasks: Sequence[Sequence[Job]]) -> None:
        assert self.folder is not None
        batch, settings = Batch.new(self.folder), self.settings
        how = {"requeue": settings.requeue, "jobs_per_gpu": self._jobs_per_gpu, "grace": self._grace}
        batch.write(tasks, self._preload, how)
        write_atomic(batch.script, script(batch, settings.setup))
        secrets = {job.name: dict(job.secrets) for job in chain(*tasks) if job.secrets}
        after = must_end_before(len(tasks), self._unfinished(), settings.at_once)
        wanted = [*array_options(batch.path, len(tasks), settings, after), *self._options(tasks)]
        array = commands.submit(wanted, str(batch.script), {SECRETS: json.dumps(secrets)} if secrets else {})
        batch.submitted(array)
        self._tasks += [Task.new(batch, index, jobs, array) for index, jobs in enumerate(tasks)]

    def _options(self, tasks: Sequence[Sequence[Job]]) -> list[str]:
        """Return the options of sbatch for the allocations of an array."""
        cores = max(cores_of(task, self.resources()) for task in tasks)
        return options(self.settings, cores, tasks[0][0].nodes)

    def _unfinished(self) -> list[Task]:
        """Return the tasks that wait or run, those of an earlier executor first."""
        tasks = dict.fromkeys([*self._earlier.values(), *self._tasks])
        return [task for task in tasks if not task.done and task.unended]

    def _reported(self) -> list[Event]:
        """Return what the tasks have written, the ends first: then no more jobs seem to run than do."""
        polled = [(task, task.poll()) for task in self._tasks if not task.over]
        self._tasks = [task for task in self._tasks if not task.over]
        return [event for _, events in sorted(polled, key=lambda each: not each[0].over) for event in events]

    def _ask(self) -> list[Event]:
        """Return the ends of jobs whose task has ended without telling; kill tasks that do not listen."""
        now = time.monotonic()
        if not self.busy or now < self._asked + ASK:
            return []
        self._asked = now
        commands.cancel([task.name for task in self._tasks if task.is_deaf(now)], kill=True)
        try:
            queue = commands.queue()
        except commands.SlurmError as error:
            log.warning("%s; it is asked again", error)
            return []
        events: list[Event] = []
        for task in self._tasks:
            events += self._lost(task, queue)
        return events

    def _lost(self, task: Task, queue: dict[str, commands.TaskState]) -> list[Event]:
        """Return what has become of a task's jobs if it has ended and told nothing for a while."""
        entry = queue.get(task.name)
        state = "gone" if entry is None else entry.state if entry.state in commands.ENDED else None
        task.is_gone(state)
        settled = time.monotonic() >= (task.gone_since or 0.0) + SETTLE
        if state is None or not (settled or (task.has_told_all and state == "CANCELLED")):
            return []
        events, ending = task.poll(), commands.ending(task.name, state)
        if self.settings.requeue and task.was_cut_off(ending):
            events += self._submit_again(task, ending)
        return [*events, *task.lost(ending)]

    def _submit_again(self, task: Task, ending: commands.Ending) -> list[Event]:
        """Submit the jobs of a task once more that was cut off, unless that happens again and again."""
        if any(self._cut_off[name] >= CUT_OFF for name in task.left):
            return []
        why = f"Slurm's job {task.name} was cut off ({ending})"
        jobs, events = task.taken_back(why)
        if jobs:
            log.warning("%s; submitted again: %s", why, ", ".join(job.name for job in jobs))
        self._cut_off.update(job.name for job in jobs)
        self._new += jobs
        return events


def gpu_count(gpus: int | str | None) -> int:
    """Return the number in `a100:2`, which may be without a type."""
    text = str(gpus or 0).rpartition(":")[2]
    return int(text) if text.isdecimal() else 0
