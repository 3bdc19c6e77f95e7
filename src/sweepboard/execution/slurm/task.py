"""A task as the executor that submitted it sees it: how its jobs stand, from what the task reports."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sweepboard.execution.executor import Ended, Event, Job, Message, Payload, Requeued, Started
from sweepboard.execution.slurm.batch import Batch, Tail, append
from sweepboard.execution.slurm.commands import Ending

_FAILURES = ("FAILED", "OUT_OF_MEMORY", "COMPLETED")
"""States of a task without an end of its own that are nobody's wish: they failed, or it was cut off."""

_ELSEWHERE = "it is submitted again"
"""Why a task is to leave a job alone that another one has."""

_LOG_LINES, _LOG_BYTES = 5, 4000


@dataclass(eq=False)
class Task:
    """An element of a job array, with the jobs that share it."""

    batch: Batch
    index: int
    jobs: Sequence[Job]
    array: str
    began: bool = False
    """Whether it has run our code."""

    done: bool = False
    """Whether all its jobs have ended."""

    gone_since: float | None = None
    """When Slurm first said that it had ended."""

    started: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)
    """The names of the jobs that have started, and neither ended nor been put back."""

    ended: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    followed: set[str] = field(default_factory=set)
    """The names of the jobs whose events are wanted."""

    stopping: dict[str, str] = field(default_factory=dict)
    """The reason by the name of each job that was asked to stop."""

    kill_at: dict[str, float] = field(default_factory=dict)
    """When it is killed if one of these jobs, which were asked to stop, has not ended."""

    is_away: bool = False
    """Whether it has put its jobs back, and has not begun again."""

    def __post_init__(self) -> None:
        self._tail = Tail(self.batch.events(self.index))
        self._past: dict[str, list[Event]] = {}

    @classmethod
    def new(cls, batch: Batch, index: int, jobs: Sequence[Job], array: str) -> Task:
        """Return a task that has just been submitted."""
        return cls(batch, index, jobs, array, followed={job.name for job in jobs})

    @classmethod
    def earlier(cls, batch: Batch, index: int, jobs: Sequence[Job], array: str) -> Task:
        """Return a task of an earlier executor, as it stands; `take_over` makes its jobs followed."""
        task = cls(batch, index, jobs, array)
        for event in task._read():
            before = [] if isinstance(event, Started) else task._past.get(event.name, [])[:1]
            task._past[event.name] = [*before, event]
        return task

    def take_over(self, job: Job) -> bool:
        """Follow a job of an earlier executor. Return False if it waits and is out of date."""
        was = next(each for each in self.jobs if each.name == job.name)
        if job.name not in self.started and replace(job, secrets={}) != was:
            self.stop(job.name, _ELSEWHERE)
            return False
        self.jobs = [job if each is was else each for each in self.jobs]  # with its secrets
        self.followed.add(job.name)
        return True

    @property
    def name(self) -> str:
        """Its name in Slurm's queue."""
        return f"{self.array}_{self.index}"

    @property
    def left(self) -> list[str]:
        """The names of the jobs that have not ended."""
        return [name for name in self.unended if name in self.followed]

    @property
    def unended(self) -> list[str]:
        """The names of all jobs that have not ended."""
        return [job.name for job in self.jobs if job.name not in self.ended | self.dropped]

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.done or not self.left

    @property
    def waits(self) -> bool:
        """Whether it waits in Slurm's queue for the first time."""
        return not self.began

    @property
    def has_told_all(self) -> bool:
        """Whether it has put back every job that it had started, if any."""
        return not self.running and (self.is_away or not self.began)

    def poll(self) -> list[Event]:
        """Return what its jobs have reported since the last call."""
        past = [event for name in self.followed for event in self._past.pop(name, [])]
        wanted = self.followed - self.dropped
        return [*past, *(event for event in self._read() if event.name in wanted)]

    def _read(self) -> list[Event]:
        return [event for payload in self._tail.poll() for event in self._events(payload)]

    def _events(self, payload: Payload) -> Iterator[Event]:
        if "began" in payload:
            self.began, self.is_away = True, False
            yield from self._put_back(sorted(self.running), "its allocation was lost")  # it could not say so
        elif "done" in payload:
            self.done = True
        elif "started" in payload:
            self.started.add(payload["started"])
            self.running.add(payload["started"])
            yield Started(payload["started"], payload["gpu"])
        elif "message" in payload:
            yield Message(payload["message"], payload["payload"])
        elif "put_back" in payload:
            self.is_away = True
            yield from self._put_back([payload["put_back"]], f"its allocation was ended by {payload['why']}")
        elif "ended" in payload:
            self.ended.add(payload["ended"])
            self.running.discard(payload["ended"])
            yield Ended(payload["ended"], payload["code"], payload["stop_reason"])

    def _put_back(self, names: Sequence[str], why: str) -> Iterator[Event]:
        self.running.difference_update(names)
        return (Requeued(name, why) for name in names)

    def tell(self, name: str, payload: Payload) -> None:
        """Send a job a message."""
        append(self.batch.commands(self.index), {"tell": name, "payload": payload})

    def stop(self, name: str, reason: str) -> None:
        """Ask a job to save and exit; one that has not started is dropped."""
        if name in self.stopping or name not in self.unended:
            return
        self.stopping[name] = reason
        if name not in self.started:
            self.dropped.add(name)
        append(self.batch.commands(self.index), {"stop": name, "reason": reason})

    def is_deaf(self, now: float) -> bool:
        """Return whether it does not follow what it was told."""
        return any(now > at for name, at in self.kill_at.items() if name in self.unended)

    def is_gone(self, state: str | None) -> None:
        """Note that Slurm will not run it any more, or that it will."""
        self.gone_since = None if state is None else self.gone_since or time.monotonic()

    def was_cut_off(self, ending: Ending) -> bool:
        """Return whether it has ended by no fault of its setup or its jobs, and nobody's wish.

        That is a signal that a requeue had sent to the attempt before, or one that came from elsewhere.
        """
        if ending.state == "COMPLETED":  # it leaves with 0 at a signal, and for no other reason
            return self.began
        return ending.state == "FAILED" and (ending.restarts > 0 or ending.signum == signal.SIGTERM)

    def taken_back(self, why: str) -> tuple[list[Job], list[Event]]:
        """Give up its jobs that nobody has stopped. Return them, to be submitted again, and what to tell."""
        jobs = [job for job in self.jobs if job.name in self.left and job.name not in self.stopping]
        events = list(self._put_back([job.name for job in jobs if job.name in self.running], why))
        for job in jobs:  # should Slurm ever start it again, it leaves them alone
            append(self.batch.commands(self.index), {"stop": job.name, "reason": _ELSEWHERE})
            self.dropped.add(job.name)
        return jobs, events

    def lost(self, ending: Ending) -> list[Event]:
        """Return the ends of the jobs whose ends it has not told, after it has ended as Slurm says."""
        error, stopped = self._why(ending)
        ends: list[Event] = [
            Ended(name, None, self.stopping.get(name, stopped), None if name in self.stopping else error)
            for name in self.left
        ]
        self.done = True
        return ends

    def _why(self, ending: Ending) -> tuple[str | None, str | None]:
        """Return why its jobs have failed or, else, why they were stopped."""
        if ending.state in _FAILURES and not self.was_cut_off(ending):
            told = f"Slurm's job {self.name} ended ({ending}) before its jobs did"
            return f"{told}; {self.batch.log(self.index)} ends with: {' / '.join(self._last_lines())}", None
        return None, f"Slurm ended job {self.name} ({ending})"

    def _last_lines(self) -> list[str]:
        try:
            with self.batch.log(self.index).open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - _LOG_BYTES))
                text = file.read().decode(errors="replace")
        except OSError:
            return []
        return [line.strip() for line in text.splitlines() if line.strip()][-_LOG_LINES:]
