"""A pool of job processes: as many at once as the machine carries, each free slot filled at once.

Jobs may be submitted at any time, also while others run. What happens comes as events from `poll`; the pool
knows nothing of experiments.
"""

from __future__ import annotations

import selectors
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeAlias

from sweepboard.errors import RunFailed
from sweepboard.execution.channel import Channel, Message
from sweepboard.execution.process import PRELOADED, job_server
from sweepboard.execution.slots import Slots, Use
from sweepboard.hardware import resident_memory

GRACE = 30.0
"""Seconds that a job has to save and leave once it was asked to stop; then it is killed."""

LOOK = 0.2
"""Seconds between two looks at what no event tells: time limits, free memory, signals to this process."""

TIME_LIMIT, SERVER_LOST = "time limit", "job server lost"
"""Values of `Ended.asked` for what the pool decides by itself."""


@dataclass(frozen=True)
class Job:
    """A function to be run in a process of its own."""

    name: str
    function: str
    """`module:name`; called with `arguments` and the job's end of a `Channel`."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    cores: int = 1
    """Cores that it keeps busy."""

    gpu: bool = False
    """Whether it computes on a GPU; it then sees only the one that it was given."""


@dataclass(frozen=True)
class Started:
    """A job's process has begun; `gpu` is the one it was given."""

    name: str
    gpu: str | None = None


@dataclass(frozen=True)
class JobMessage:
    """A job has sent a message."""

    name: str
    message: Message


@dataclass(frozen=True)
class Ended:
    """A job's process is gone.

    `code` is its exit code, or the negative number of the signal that killed it.
    """

    name: str
    code: int
    asked: str | None = None
    """Why the pool had asked it to stop."""


Event: TypeAlias = Started | JobMessage | Ended


@dataclass
class _Running:
    job: Job
    channel: Channel
    gpu: str | None
    pid: int | None = None
    since: float = float("inf")
    asked: str | None = None
    kill_at: float = float("inf")

    def use(self) -> Use:
        return Use(self.job.cores, self.gpu, resident_memory(self.pid) if self.pid else 0)


class Pool:
    """`with Pool(slots) as pool:` ends every job with the block, in whatever way the block ends.

    `time_limit` is what a job may take, in seconds from its start.
    """

    def __init__(
        self,
        slots: Slots,
        time_limit: float | None = None,
        grace: float = GRACE,
        preloaded: Sequence[str] = PRELOADED,
    ) -> None:
        self.slots, self._time_limit, self._grace = slots, time_limit, grace
        self._preloaded = preloaded
        self._waiting: list[Job] = []
        self._running: dict[int, _Running] = {}
        self._started = 0
        self._silent_servers = 0  # job servers in a row that were lost before they said anything
        self._server = job_server(preloaded)

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for running in self._running.values():
            running.channel.close()

    def submit(self, job: Job) -> None:
        """Run a job as soon as there is room."""
        self._waiting.append(job)

    @property
    def busy(self) -> bool:
        """Whether any job runs or waits."""
        return bool(self._running or self._waiting)

    def has_room(self, job: Job) -> bool:
        """Whether a job like this one would start at once."""
        return not self._waiting and self.slots.place(job.cores, job.gpu, self._uses()) is not None

    def tell(self, name: str, message: Message) -> None:
        """Send a message to a running job; one that has ended is past hearing."""
        for running in self._running.values():
            if running.job.name == name:
                running.channel.send(message)

    def stop(self, name: str, why: str) -> None:
        """Ask a job to save and leave, or forget it where it still waits."""
        self._waiting = [job for job in self._waiting if job.name != name]
        for number, running in self._running.items():
            if running.job.name == name:
                self._ask(number, running, why)

    def stop_all(self, why: str) -> None:
        """Start no further job, and ask those that run to save and leave."""
        self._waiting.clear()
        for number, running in self._running.items():
            self._ask(number, running, why)

    def poll(self) -> list[Event]:
        """Start what has room and say what has happened; wait for something to, but no longer than `LOOK`."""
        self._fill()
        events = self._receive()
        self._watch_times()
        return events

    def _fill(self) -> None:
        refused: set[tuple[int, bool]] = set()
        for job in list(self._waiting):
            if (job.cores, job.gpu) in refused:  # there may be thousands, and all alike
                continue
            place = self.slots.place(job.cores, job.gpu, self._uses())
            if place is None:
                refused.add((job.cores, job.gpu))
                continue
            self._waiting.remove(job)
            self._start(job, place.gpu)

    def _start(self, job: Job, gpu: str | None) -> None:
        self._started += 1
        environment = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}
        channel = self._server.start(self._started, job.function, job.arguments, environment)
        self._running[self._started] = _Running(job, channel, gpu)

    def _uses(self) -> list[Use]:
        return [running.use() for running in self._running.values()]

    def _receive(self) -> list[Event]:
        with selectors.DefaultSelector() as selector:
            selector.register(self._server.channel, selectors.EVENT_READ)
            for running in self._running.values():
                if not running.channel.ended:
                    selector.register(running.channel, selectors.EVENT_READ)
            selector.select(LOOK)
        told = [event for running in self._running.values() for event in _told(running)]
        return [*told, *self._from_server()]

    def _from_server(self) -> list[Event]:
        messages = self._server.channel.poll()
        if self._server.channel.ended:
            return self._server_lost()
        self._silent_servers = 0 if messages else self._silent_servers
        events: list[Event] = []
        for message in messages:
            if "started" in message:
                events.append(self._has_started(message))
            else:
                events += self._ended(message)
        return events

    def _has_started(self, message: Message) -> Started:
        running = self._running[message["started"]]
        running.pid, running.since = message["pid"], time.monotonic()
        return Started(running.job.name, running.gpu)

    def _ended(self, message: Message) -> list[Event]:
        running = self._running.pop(message["ended"])
        self.slots.peak = max(self.slots.peak, message["peak"])
        return _final_events(running, message["code"], running.asked)

    def _server_lost(self) -> list[Event]:
        """The kernel has killed the jobs of a server that was killed: start another for those that wait.

        Raises `RunFailed` where it is the second in a row that did not come to work.
        """
        self._silent_servers += 1
        if self._silent_servers > 1:
            raise RunFailed("the process that starts the jobs ended before it had started one; see above why")
        lost, self._running = list(self._running.values()), {}
        self._server.close()
        self._server = job_server(self._preloaded)
        return [event for running in lost for event in _final_events(running, -signal.SIGKILL, SERVER_LOST)]

    def _watch_times(self) -> None:
        now = time.monotonic()
        for number, running in self._running.items():
            if self._time_limit is not None and now - running.since > self._time_limit:
                self._ask(number, running, TIME_LIMIT)
            if now > running.kill_at:
                self._server.kill(number)

    def _ask(self, number: int, running: _Running, why: str) -> None:
        if running.asked is None:
            running.asked, running.kill_at = why, time.monotonic() + self._grace
            self._server.signal(number, signal.SIGTERM)


def _final_events(running: _Running, code: int, asked: str | None) -> list[Event]:
    """What a job had still to say, and its end."""
    told = _told(running)
    running.channel.close()
    return [*told, Ended(running.job.name, code, asked)]


def _told(running: _Running) -> list[Event]:
    return [JobMessage(running.job.name, message) for message in running.channel.poll()]
