"""The executor for this machine: a new process per job, as many at once as the machine can hold."""

from __future__ import annotations

import selectors
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sweepboard.errors import RunFailed
from sweepboard.execution.channel import Channel
from sweepboard.execution.executor import (
    LOST,
    TIME_LIMIT,
    Ended,
    Event,
    Executor,
    Job,
    Message,
    Payload,
    Resources,
    Started,
)
from sweepboard.execution.local.job_server import JobServer, job_server
from sweepboard.execution.local.slots import Slots, Use
from sweepboard.hardware import cores, gpus, resident_memory, total_memory

GRACE = 30.0
"""Seconds between the request to stop and the kill."""

WAIT = 0.2
"""Seconds that `poll` waits at most: time limits, free memory and signals do not end it earlier."""


def local_resources(jobs: int | None = None, jobs_per_gpu: int = 1) -> Resources:
    """Return this machine's resources for jobs. Imports torch."""
    return Resources(cores(), total_memory(), tuple(gpus()), jobs, jobs_per_gpu)


@dataclass
class _Running:
    job: Job
    channel: Channel
    gpu: str | None
    pid: int | None = None
    since: float = float("inf")
    stop_reason: str | None = None
    kill_at: float = float("inf")

    def use(self) -> Use:
        return Use(self.job.cores, self.gpu, resident_memory(self.pid) if self.pid else 0)

    def messages(self) -> list[Event]:
        return [Message(self.job.name, payload) for payload in self.channel.poll()]

    def final_events(self, code: int, stop_reason: str | None) -> list[Event]:
        """Its last messages, and its end."""
        messages = self.messages()
        self.channel.close()
        return [*messages, Ended(self.job.name, code, stop_reason)]


def _gpus(job: Job) -> int:
    return job.gpus if job.gpu else 0


class LocalExecutor(Executor):
    """Run jobs on this machine.

    `preload` names what every job needs: modules to import and functions ("module:name") to call, once for
    all jobs. `grace` is the time in seconds between the request to stop a job and its kill. `detached` is
    that of `JobServer`.
    """

    def __init__(
        self,
        resources: Resources,
        preload: Sequence[str] = (),
        grace: float = GRACE,
        detached: bool = False,
    ) -> None:
        self.slots, self._preload, self._grace = Slots(resources), preload, grace
        self._detached = detached
        self.wait = WAIT
        """The longest wait of `poll`, in seconds."""
        self._waiting: list[Job] = []
        self._running: dict[int, _Running] = {}
        self._started = 0
        self._silent_servers = 0  # job servers in a row lost before they reported anything
        self._server: JobServer

    def resources(self) -> Resources:
        return self.slots.resources

    def open(self) -> None:
        self._server = job_server(self._preload, self._detached)

    def close(self) -> None:
        self._server.close()
        for running in self._running.values():
            running.channel.close()

    def submit(self, job: Job) -> None:
        self._waiting.append(job)

    @property
    def busy(self) -> bool:
        return bool(self._running or self._waiting)

    def has_room(self, job: Job) -> bool:
        return not self._waiting and self.slots.place(job.cores, _gpus(job), self._uses()) is not None

    def tell(self, name: str, payload: Payload) -> None:
        for running in self._running.values():
            if running.job.name == name:
                running.channel.send(payload)

    def stop(self, name: str, reason: str) -> None:
        self._waiting = [job for job in self._waiting if job.name != name]
        for number, running in self._running.items():
            if running.job.name == name:
                self._ask_to_stop(number, running, reason)

    def stop_all(self, reason: str) -> None:
        self._waiting.clear()
        for number, running in self._running.items():
            self._ask_to_stop(number, running, reason)

    def poll(self) -> list[Event]:
        self._fill()
        events = self._receive()
        self._watch_times()
        return events

    def _fill(self) -> None:
        refused: set[tuple[int, int]] = set()
        for job in list(self._waiting):
            if (job.cores, _gpus(job)) in refused:  # there may be thousands of equal jobs
                continue
            place = self.slots.place(job.cores, _gpus(job), self._uses())
            if place is None:
                refused.add((job.cores, _gpus(job)))
                continue
            self._waiting.remove(job)
            self._start(job, place.gpu)

    def _start(self, job: Job, gpu: str | None) -> None:
        self._started += 1
        environment = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}
        channel = self._server.start(self._started, job.function, job.all_arguments, environment)
        self._running[self._started] = _Running(job, channel, gpu)

    def _uses(self) -> list[Use]:
        return [running.use() for running in self._running.values()]

    def _receive(self) -> list[Event]:
        with selectors.DefaultSelector() as selector:
            selector.register(self._server.channel, selectors.EVENT_READ)
            for running in self._running.values():
                if not running.channel.ended:
                    selector.register(running.channel, selectors.EVENT_READ)
            selector.select(self.wait)
        return self._from_server()

    def _from_server(self) -> list[Event]:
        reports = self._server.channel.poll()
        self._silent_servers = 0 if reports else self._silent_servers
        events: list[Event] = [self._has_started(report) for report in reports if "started" in report]
        for running in self._running.values():
            events += running.messages() if running.pid is not None else []  # after its start
        for report in reports:
            events += self._ended(report) if "ended" in report else []
        return [*events, *self._replace_server()] if self._server.channel.ended else events

    def _has_started(self, report: Payload) -> Event:
        running = self._running[report["started"]]
        running.pid, running.since = report["pid"], time.monotonic()
        return Started(running.job.name, running.gpu)

    def _ended(self, report: Payload) -> list[Event]:
        running = self._running.pop(report["ended"])
        self.slots.peak = max(self.slots.peak, report["peak"])
        return running.final_events(report["code"], running.stop_reason)

    def _replace_server(self) -> list[Event]:
        """Start another server for the waiting jobs; the lost server's jobs are dead.

        Raise `RunFailed` if two servers in a row were lost before they reported anything.
        """
        self._silent_servers += 1
        if self._silent_servers > 1:
            raise RunFailed("the process that starts the jobs ended before it had started one; see above why")
        lost, self._running = list(self._running.values()), {}
        self._server.close()
        self._server = job_server(self._preload, self._detached)
        return [
            event
            for running in lost
            for event in running.final_events(-signal.SIGKILL, running.stop_reason or LOST)
        ]

    def _watch_times(self) -> None:
        now = time.monotonic()
        for number, running in self._running.items():
            limit = running.job.time_limit
            if limit is not None and now - running.since > limit:
                self._ask_to_stop(number, running, TIME_LIMIT)
            if now > running.kill_at:
                self._server.kill(number)

    def _ask_to_stop(self, number: int, running: _Running, reason: str) -> None:
        if running.stop_reason is None:
            running.stop_reason, running.kill_at = reason, time.monotonic() + self._grace
            self._server.signal(number, signal.SIGTERM)
