"""The conformance suite of the `Executor` contract."""

from __future__ import annotations

import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sweepboard.execution import TIME_LIMIT, Ended, Event, Executor, Job, Message, Payload, Started
from sweepboard.testing import executor_jobs

_STOPPED = "the test stops it"


class ExecutorSuite(ABC):
    """Subclass it in a class whose name begins with `Test`, and implement `executor`."""

    patience: float = 60.0
    """Seconds after which a test gives up waiting for an event."""

    knows_exit_codes: bool = True
    """Whether `Ended.code` is a number; None is accepted where this is false."""

    @abstractmethod
    def executor(self, jobs: int, grace: float) -> Executor:
        """Return an unopened executor for `jobs` one-core jobs at a time.

        `grace` is the time in seconds between the request to stop and the kill.
        """

    def is_alive(self, pid: int) -> bool:
        """Return whether a job's process is alive. Override it if jobs run on another host."""
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        status = Path(f"/proc/{pid}/stat")
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"

    def test_jobs_run_in_processes_of_their_own(self) -> None:
        with self.executor(2, 5.0) as executor:
            events = self._run(
                executor, _job("a", executor_jobs.report, x=1), _job("b", executor_jobs.report)
            )
        [a], [b] = _payloads(events, "a"), _payloads(events, "b")
        assert (a["arguments"], b["arguments"]) == ({"x": 1}, {})
        assert len({a["pid"], b["pid"], os.getpid()}) == 3
        self._check_codes(events, {"a": 0, "b": 0})

    def test_events_of_a_job_come_in_order(self) -> None:
        with self.executor(2, 5.0) as executor:
            jobs = [_job(name, executor_jobs.count, messages=200) for name in "abc"]
            events = self._run(executor, *jobs)
        for name in "abc":
            of_job = [event for event in events if event.name == name]
            assert isinstance(of_job[0], Started)
            assert isinstance(of_job[-1], Ended)
            assert [each["number"] for each in _payloads(of_job, name)] == list(range(200))
            assert len(of_job) == 202

    def test_the_end_of_a_job_costs_no_other(self) -> None:
        jobs = [
            _job("raises", executor_jobs.fail),
            _job("leaves", executor_jobs.leave, code=0),
            _job("leaves with a code", executor_jobs.leave, code=3),
            _job("is killed", executor_jobs.die),
            _job("has no function", "no_such_module:function"),
            _job("works", executor_jobs.report),
        ]
        with self.executor(2, 5.0) as executor:
            events = self._run(executor, *jobs)
        codes = {"raises": 1, "leaves": 0, "leaves with a code": 3, "has no function": 1, "works": 0}
        self._check_codes(events, {**codes, "is killed": -signal.SIGKILL})
        assert all(event.stop_reason is None for event in events if isinstance(event, Ended))

    def test_messages_go_both_ways(self) -> None:
        long = "x" * 300_000
        with self.executor(1, 5.0) as executor:
            executor.submit(_job("a", executor_jobs.echo))
            self._until_message(executor, "ready")
            for payload in ({"one": 1}, {"two": long}, {"stop": True}):
                executor.tell("a", payload)
            events = self._run(executor)
        echoes = [payload["echo"] for payload in _payloads(events, "a")]
        assert echoes == [{"one": 1}, {"two": long}, {"stop": True}]

    def test_a_message_to_a_job_that_has_ended_does_nothing(self) -> None:
        with self.executor(1, 5.0) as executor:
            self._run(executor, _job("a", executor_jobs.report))
            executor.tell("a", {"too": "late"})
            executor.tell("never submitted", {"no": "one"})
            executor.stop("a", _STOPPED)
            assert self._run(executor) == []

    def test_many_jobs_run_no_more_at_once_than_there_is_room(self) -> None:
        names, events = iter(map(str, range(18))), list[Event]()
        self._ends = time.monotonic() + self.patience
        with self.executor(3, 5.0) as executor:
            for name in islice(names, 12):
                executor.submit(_job(name, executor_jobs.report))
            while executor.busy:
                more = self._poll(executor, events)
                for name in islice(names, sum(isinstance(event, Ended) for event in more)):  # as retries are
                    executor.submit(_job(name, executor_jobs.report))
        assert len(_payloads(events)) == 18
        running = 0
        for event in events:
            running += isinstance(event, Started) - isinstance(event, Ended)
            assert running <= 3

    def test_jobs_may_be_submitted_while_others_run(self) -> None:
        with self.executor(2, 5.0) as executor:
            executor.submit(_job("hanging", executor_jobs.hang))
            self._until_message(executor, "pids")
            executor.submit(_job("later", executor_jobs.report))
            self._until_message(executor, "arguments")
            executor.stop("hanging", _STOPPED)
            self._run(executor)

    def test_has_room_says_whether_a_job_would_start_at_once(self) -> None:
        job = _job("next", executor_jobs.report)
        with self.executor(1, 5.0) as executor:
            assert not executor.busy
            assert executor.has_room(job)
            executor.submit(_job("hanging", executor_jobs.hang))
            assert executor.busy
            self._until_message(executor, "pids")
            assert not executor.has_room(job)
            executor.stop("hanging", _STOPPED)
            self._run(executor)
            assert executor.has_room(job)

    def test_a_job_is_asked_to_stop_and_then_killed(self) -> None:
        with self.executor(2, 0.5) as executor:
            executor.submit(_job("polite", executor_jobs.hang))
            executor.submit(_job("deaf", executor_jobs.hang, deaf=True))
            pids = self._until_messages(executor, "pids", 2)
            executor.stop("polite", _STOPPED)
            executor.stop("deaf", _STOPPED)
            events = self._run(executor)
        self._check_codes(events, {"polite": 143, "deaf": -signal.SIGKILL})
        assert {event.stop_reason for event in events if isinstance(event, Ended)} == {_STOPPED}
        self._check_gone(pids)

    def test_a_waiting_job_that_is_stopped_never_starts(self) -> None:
        with self.executor(1, 5.0) as executor:
            executor.submit(_job("hanging", executor_jobs.hang))
            self._until_message(executor, "pids")
            executor.submit(_job("waiting", executor_jobs.report))
            executor.stop("waiting", _STOPPED)
            executor.submit(_job("waiting too", executor_jobs.report))
            executor.stop_all(_STOPPED)
            events = self._run(executor)
        assert [(type(event), event.name) for event in events] == [(Ended, "hanging")]

    def test_a_job_over_its_time_limit_is_stopped(self) -> None:
        with self.executor(1, 5.0) as executor:
            events = self._run(executor, _job("slow", executor_jobs.hang, time_limit=0.5))
        [end] = [event for event in events if isinstance(event, Ended)]
        assert end.stop_reason == TIME_LIMIT
        self._check_codes(events, {"slow": 143})

    def test_no_job_is_left_when_the_executor_closes(self) -> None:
        with self.executor(2, 60.0) as executor:
            executor.submit(_job("a", executor_jobs.hang))
            executor.submit(_job("b", executor_jobs.hang, deaf=True))
            pids = self._until_messages(executor, "pids", 2)
            executor.submit(_job("c", executor_jobs.hang))
        self._check_gone(pids)

    def test_resources_are_known_before_jobs_run(self) -> None:
        resources = self.executor(2, 5.0).resources()
        assert resources.cores >= 1
        assert resources.memory is None or resources.memory > 0
        assert resources.jobs is None or resources.jobs >= 1
        assert 1 <= resources.cores_per_job(2) <= resources.cores

    def _run(self, executor: Executor, *jobs: Job) -> list[Event]:
        """Submit jobs, and return all events until no job is left."""
        for job in jobs:
            executor.submit(job)
        events = list[Event]()
        self._ends = time.monotonic() + self.patience
        while executor.busy:
            self._poll(executor, events)
        return events

    def _poll(self, executor: Executor, events: list[Event]) -> list[Event]:
        """Return what has happened since the last call, and add it to `events`."""
        more = executor.poll()
        events += more
        assert time.monotonic() < self._ends, f"jobs did not end; so far: {events}"
        return more

    def _until_message(self, executor: Executor, key: str) -> None:
        """Wait for a message that has `key`."""
        self._until_messages(executor, key, 1)

    def _until_messages(self, executor: Executor, key: str, jobs: int) -> list[Any]:
        """Wait for a message with `key` from that many jobs. Return its values, lists joined to one."""
        found, deadline = dict[str, Any](), time.monotonic() + self.patience
        while len(found) < jobs:
            assert time.monotonic() < deadline, f"no message with {key} came"
            messages = [event for event in executor.poll() if isinstance(event, Message)]
            found |= {each.name: each.payload[key] for each in messages if key in each.payload}
        return [value for values in found.values() for value in _listed(values)]

    def _check_codes(self, events: Sequence[Event], expected: dict[str, int]) -> None:
        codes = {event.name: event.code for event in events if isinstance(event, Ended)}
        assert codes.keys() == expected.keys()
        for name, code in codes.items():
            assert code == expected[name] or (code is None and not self.knows_exit_codes), (name, code)

    def _check_gone(self, pids: Sequence[int]) -> None:
        deadline = time.monotonic() + self.patience
        while any(map(self.is_alive, pids)):
            assert time.monotonic() < deadline, f"of {pids} some are alive"
            time.sleep(0.02)


def _job(
    name: str, function: str | Callable[..., None], time_limit: float | None = None, **arguments: Any
) -> Job:
    if not isinstance(function, str):
        function = f"{function.__module__}:{function.__qualname__}"
    return Job(name, function, arguments, time_limit=time_limit)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _payloads(events: Sequence[Event], name: str | None = None) -> list[Payload]:
    return [event.payload for event in events if isinstance(event, Message) and name in (None, event.name)]
