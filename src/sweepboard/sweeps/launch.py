"""Run a plan's jobs on an executor, record how they end, notify callbacks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sweepboard.errors import ConfigError
from sweepboard.execution import LOST, Ended, Event, Executor, Job, Message, Requeued, Started
from sweepboard.runs.record import RUNNING
from sweepboard.secrets import masked_command
from sweepboard.settings import SweepSettings
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.job_status import WAITING, JobView, SweepCallback, views_of
from sweepboard.sweeps.outcome import STOPPED, correct_record, outcome, record_of
from sweepboard.sweeps.plan import Plan, PlannedJob
from sweepboard.sweeps.plan_file import secrets_in
from sweepboard.sweeps.results import write_results
from sweepboard.training.ending import FAILED, FINISHED, INTERRUPTED
from sweepboard.training.signals import StopFlag

JOB = "sweepboard.sweeps.job_main:run"
"""The main function of a job's process."""

ANOTHER_FAILED = "stopped because another job failed (sweep.on_failure=stop)"


class Launch:
    """The jobs of one attempt of a sweep. The caller holds the lock of the sweep's folder.

    A search adds jobs while it runs (`submit`), reads what `poll` returns and may `prune` a job. `swept` are
    the keys that differ between jobs. With `waits`, each job waits after each validation for `prune` or
    `let_go_on`. Runs are not signed unless the sweep is the user's `own`. With `accept`, runs continue even
    if their data or code have changed. `stop` says whether a signal stops the sweep.
    """

    def __init__(
        self,
        folder: SweepFolder,
        views: dict[str, JobView],
        settings: SweepSettings,
        executor: Executor,
        listener: SweepCallback,
        stop: StopFlag,
        command: str = "",
        swept: Sequence[str] = (),
        waits: bool = False,
        own: bool = True,
        accept: bool = False,
    ) -> None:
        self.accept = accept
        self.folder, self.views, self.settings, self.executor = folder, views, settings, executor
        self.listener, self.swept, self.waits = listener, list(swept), waits
        self.command = masked_command(command)
        self.own, self._stop = own, stop
        self._jobs: dict[str, PlannedJob] = {}

    def submit(self, job: PlannedJob) -> None:
        """Queue a job; it starts as soon as there is room."""
        self._jobs[job.label] = job
        self.views.setdefault(job.label, JobView(job.label)).typed = job.typed
        self.executor.submit(self.as_job(job))

    def as_job(self, job: PlannedJob) -> Job:
        """Return a planned job in the executor's type."""
        arguments: dict[str, Any] = {
            "folder": str(self.folder.job(job.label)),
            "frozen": job.label,
            "checksum": job.checksum,
            "number": job.number,
            "nodes": job.nodes,
            "command": self.command,
            "swept": self.swept,
            "waits": self.waits,
            "own": self.own,
            "accept": self.accept,
        }
        secrets, limit = secrets_in(job.config), self.settings.time_limit
        return replace(needs_of(job), arguments=arguments, secrets=secrets, time_limit=limit)

    def prune(self, label: str, why: str) -> None:
        """Tell a running job to stop early because others do better."""
        self.executor.tell(label, {"prune": why})

    def let_go_on(self, label: str) -> None:
        """Tell a running job to continue after a validation."""
        self.executor.tell(label, {"go_on": True})

    def poll(self) -> list[JobView]:
        """Wait briefly for events. Return the views that they changed."""
        return [self._take(event) for event in self.executor.poll()]

    def run(self) -> None:
        """Run until no job runs or waits. Raise `Interrupted` after a signal has stopped all jobs."""
        while self.executor.busy:
            self.poll()
            if self._stop.signum is not None:
                self.executor.stop_all(STOPPED)
        self._stop.check()

    def _take(self, event: Event) -> JobView:
        view = self.views[event.name]
        match event:
            case Started(gpu=gpu):
                view.has_started(gpu)
                self.listener.on_state(view)
            case Message(payload=payload):
                (self.listener.on_validation if view.update(payload) else self.listener.on_news)(view)
            case Requeued(reason=reason):
                view.was_requeued(reason)
                self.listener.on_state(view)
            case Ended():
                self._judge(view, event)
        return view

    def _judge(self, view: JobView, ended: Ended) -> None:
        folder = self.folder.job(view.label)
        if ended.stop_reason == LOST and self._stop.is_set:  # the signal has reached the job server, too
            ended = replace(ended, stop_reason=STOPPED)
        said = view.reason if view.state == RUNNING else None
        if view.state == WAITING:  # its process was never created, or put back: that is an attempt, too
            view.attempts += 1
        record, view.engine = record_of(folder), None
        view.state, view.reason = outcome(ended, record, said, self.settings.time_limit)
        if said is None:
            correct_record(folder, view.state, view.reason)
        if record is not None:
            view.read(record)
        self.listener.on_state(view)
        if view.state == FAILED:
            self._after_failure(view)

    def _after_failure(self, view: JobView) -> None:
        if view.attempts <= self.settings.retry:
            self.listener.on_note(f"{view.label} is tried again ({view.attempts} of {self.settings.retry})")
            view.state = WAITING
            self.executor.submit(self.as_job(self._jobs[view.label]))
        elif self.settings.on_failure == "stop":
            self.executor.stop_all(ANOTHER_FAILED)


def needs_of(job: PlannedJob) -> Job:
    """Return a planned job in the executor's type, without its arguments."""
    return Job(job.label, JOB, cores=job.cores, gpu=job.gpu, gpus=job.gpus, nodes=job.nodes)


def refuse_impossible(executor: Executor, jobs: Sequence[PlannedJob]) -> None:
    """Raise `UserError` if one of the jobs can never run. To be called before anything is written."""
    nodes = max((job.nodes for job in jobs), default=1)
    if nodes > 1 and not executor.several_nodes:
        raise ConfigError(
            f"trainer.nodes={nodes}: only hydra/launcher=slurm runs a job on several machines; leave it out, "
            "or start one run by torchrun or srun"
        )
    if jobs:
        executor.check([needs_of(job) for job in jobs])


def run_jobs(
    folder: SweepFolder,
    plan: Plan,
    jobs: Sequence[PlannedJob],
    executor: Executor,
    settings: SweepSettings,
    listener: SweepCallback,
    accept: bool = False,
) -> list[JobView]:
    """Run some jobs of a plan until they end. Return the views of all jobs of the plan.

    Raise `Interrupted` after SIGINT or SIGTERM, once every job has saved and ended; a second SIGINT kills
    them.
    """
    views = views_of(plan, folder)
    listener.on_start(folder, list(views.values()))
    try:
        if jobs:
            executor.folder = folder.launcher
            with StopFlag() as stop, executor:
                launch = Launch(
                    folder,
                    views,
                    settings,
                    executor,
                    listener,
                    stop,
                    plan.command,
                    plan.swept,
                    own=plan.own,
                    accept=accept,
                )
                for job in _still_left(folder, plan, jobs, views):
                    launch.submit(job)
                launch.run()
            if not executor.waits:
                views = _left(folder, plan, listener)
    finally:
        if executor.waits:
            _note_killed(folder, views.values())
        write_results(folder, plan, list(views.values()))
        listener.on_end(folder, list(views.values()))
    return list(views.values())


def _still_left(
    folder: SweepFolder, plan: Plan, jobs: Sequence[PlannedJob], views: dict[str, JobView]
) -> list[PlannedJob]:
    """Return the jobs without those that have finished since `views` were read, which it brings up to date.

    A task of an earlier executor may have ended before this one looked into the queue of its engine.
    """
    if not any(views[job.label].state == RUNNING for job in jobs):
        return list(jobs)
    now = views_of(plan, folder)
    left = {job.label for job in remaining_jobs(plan, now, failed=True)}
    for job in jobs:
        if job.label not in left:
            vars(views[job.label]).update(vars(now[job.label]))
    return [job for job in jobs if job.label in left]


def _left(folder: SweepFolder, plan: Plan, listener: SweepCallback) -> dict[str, JobView]:
    """Tell how jobs that were submitted and left are followed. Return their views."""
    listener.on_note(f"submitted: `sweepboard plan {folder}` says how they stand, and")
    listener.on_note(f"`sweepboard resume {folder} hydra.launcher.wait=true` waits for them")
    return views_of(plan, folder)


def _note_killed(folder: SweepFolder, views: Iterable[JobView]) -> None:
    """Tell the callbacks which jobs a second Ctrl-C has killed."""
    for view in views:
        if view.state == RUNNING:
            view.state, view.reason = INTERRUPTED, STOPPED
            correct_record(folder.job(view.label), INTERRUPTED, STOPPED)


def remaining_jobs(plan: Plan, views: dict[str, JobView], failed: bool = False) -> list[PlannedJob]:
    """Return the jobs that have not finished or became longer, and with `failed` those that failed."""
    states = (WAITING, INTERRUPTED, RUNNING, *((FAILED,) if failed else ()))
    return [
        job for job in plan.jobs if views[job.label].state in states or _became_longer(job, views[job.label])
    ]


def _became_longer(job: PlannedJob, view: JobView) -> bool:
    """Return whether a finished run is shorter than its job.

    A run that stopped early counts as finished: a longer run would have stopped there, too.
    """
    at_end = view.state == FINISHED and view.step == view.total_steps
    return at_end and view.total_steps < job.config.steps
