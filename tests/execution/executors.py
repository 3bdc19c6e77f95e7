"""What the tests of several executors share."""

from __future__ import annotations

import time

from sweepboard.execution import Event, Executor, Job, Message
from sweepboard.process_identity import process_started


def hanging(name: str, deaf: bool = False) -> Job:
    return Job(name, "sweepboard.testing.executor_jobs:hang", {"deaf": deaf} if deaf else {})


def report(name: str) -> Job:
    return Job(name, "sweepboard.testing.executor_jobs:report")


def run(executor: Executor, *jobs: Job) -> list[Event]:
    """All events until nothing runs."""
    for job in jobs:
        executor.submit(job)
    events = list[Event]()
    while executor.busy:
        events += executor.poll()
    return events


def pids_of(executor: Executor) -> list[int]:
    """The processes of the first job that sends them."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for event in executor.poll():
            if isinstance(event, Message):
                pids: list[int] = event.payload["pids"]
                return pids
    raise AssertionError("no job has sent its processes")


def gone(pids: list[int], seconds: float = 5.0) -> bool:
    """Whether all these processes have ended within so many seconds."""
    deadline = time.monotonic() + seconds
    while any(process_started(pid) is not None for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
