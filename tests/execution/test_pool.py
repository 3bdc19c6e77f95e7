"""The pool: a fresh process per job, and no way for a job to harm another or to outlive its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sweepboard.errors import RunFailed
from sweepboard.execution.pool import SERVER_LOST, TIME_LIMIT, Ended, Event, Job, JobMessage, Pool, Started
from sweepboard.execution.slots import Slots
from sweepboard.runs.record import process_started

HERE = Path(__file__).parent


def fake(name: str, function: str, *, gpu: bool = False, **arguments: Any) -> Job:
    return Job(name, f"fake_jobs:{function}", arguments, gpu=gpu)


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(Slots(cores=4), grace=0.5, preloaded=()) as made:
        yield made


def run(pool: Pool, *jobs: Job) -> list[Event]:
    """All events until nothing runs."""
    for job in jobs:
        pool.submit(job)
    events = []
    while pool.busy:
        events += pool.poll()
    return events


def ends(events: list[Event]) -> dict[str, int]:
    return {event.name: event.code for event in events if isinstance(event, Ended)}


def told(events: list[Event], name: str) -> list[dict[str, Any]]:
    return [event.message for event in events if isinstance(event, JobMessage) and event.name == name]


def until_told(pool: Pool, key: str) -> Any:
    """The value of `key` in the first message that has it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for event in pool.poll():
            if isinstance(event, JobMessage) and key in event.message:
                return event.message[key]
    raise AssertionError(f"nobody told {key}")


def gone(pids: list[int], seconds: float = 5.0) -> bool:
    """Whether all these processes have ended within so many seconds."""
    deadline = time.monotonic() + seconds
    while any(process_started(pid) is not None for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_each_job_has_a_process_of_its_own(pool: Pool) -> None:
    events = run(pool, fake("one", "say", words="hello"), fake("two", "say"))
    [one], [two] = told(events, "one"), told(events, "two")
    assert one["said"] == "hello"
    assert len({one["pid"], two["pid"], os.getpid()}) == 3
    assert ends(events) == {"one": 0, "two": 0}


def test_however_a_job_ends_it_costs_only_itself(capfd: pytest.CaptureFixture[str]) -> None:
    jobs = [
        fake("raises", "fail"),
        fake("exits", "leave", code=0),
        fake("killed", "die"),
        fake("good", "say"),
    ]
    with Pool(Slots(cores=4), preloaded=()) as pool:
        assert ends(run(pool, *jobs)) == {"raises": 1, "exits": 0, "killed": -signal.SIGKILL, "good": 0}
    assert "RuntimeError: a bug" in capfd.readouterr().err


def test_a_free_slot_is_filled_at_once_and_no_more_than_there_are(tmp_path: Path) -> None:
    two_at_once = [fake(str(number), "share", folder=str(tmp_path), together=2) for number in range(2)]
    with Pool(Slots(cores=2), preloaded=()) as pool:
        events = run(pool, *two_at_once, fake("later", "say"))
    names = [(type(event), event.name) for event in events if not isinstance(event, JobMessage)]
    assert names[:2] == [(Started, "0"), (Started, "1")]
    assert names.index((Started, "later")) > min(names.index((Ended, "0")), names.index((Ended, "1")))


def test_jobs_may_be_added_and_spoken_to_while_others_run(pool: Pool) -> None:
    pool.submit(fake("hanging", "hang"))
    until_told(pool, "pids")
    pool.submit(fake("listening", "listen"))
    until_told(pool, "ready")
    pool.tell("listening", {"stop": "pruned"})
    assert until_told(pool, "heard") == {"stop": "pruned"}
    pool.stop("hanging", "enough")
    assert Ended("hanging", 143, "enough") in run(pool)


def test_a_job_over_its_time_is_asked_to_leave_then_killed_with_all_it_started() -> None:
    with Pool(Slots(cores=2), time_limit=0.3, grace=0.3, preloaded=()) as pool:
        events = run(pool, fake("polite", "hang"), fake("deaf", "hang", deaf=True))
    assert Ended("polite", 143, TIME_LIMIT) in events
    assert Ended("deaf", -signal.SIGKILL, TIME_LIMIT) in events
    assert gone([pid for name in ("polite", "deaf") for told_ in told(events, name) for pid in told_["pids"]])


def test_no_job_outlives_the_block(pool: Pool) -> None:
    pool.submit(fake("deaf", "hang", deaf=True))
    pids = until_told(pool, "pids")
    pool.__exit__(None, None, None)
    assert gone(pids)


def test_jobs_that_wait_start_elsewhere_when_the_job_server_is_killed() -> None:
    with Pool(Slots(cores=1), preloaded=()) as pool:
        pool.submit(fake("hanging", "hang"))
        job, _ = until_told(pool, "pids")
        os.kill(_parent(job), signal.SIGKILL)
        events = run(pool, fake("next", "say"))
    assert Ended("hanging", -signal.SIGKILL, SERVER_LOST) in events
    assert ends(events)["next"] == 0
    assert gone([job])


def test_a_job_server_that_cannot_start_ends_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweepboard.execution.process.python", lambda _: [sys.executable, "-c", "1 / 0"])
    with Pool(Slots(cores=1), preloaded=()) as pool:
        pool.submit(fake("never", "say"))
        with pytest.raises(RunFailed, match=r"^the process that starts the jobs ended before"):
            until_told(pool, "anything")


SLOW_START = """
import sys
sys.path.insert(0, {folder!r})
from sweepboard.execution import process
real, serve = process.python, "from sweepboard.sweeps"
process.python = lambda start: real(start.replace(serve, {first!r} + serve))
print(process.JobServer({preloaded!r})._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(("first", "preloaded"), [("import slow; ", []), ("", ["slow"])])
def test_a_job_server_ends_with_its_parent_while_it_starts(
    tmp_path: Path, first: str, preloaded: list[str]
) -> None:
    (tmp_path / "slow.py").write_text("import time\nprint('here', flush=True)\ntime.sleep(60)")
    program = SLOW_START.format(folder=str(tmp_path), first=first, preloaded=preloaded)
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        server = next(int(line) for line in parent.stdout if line != "here\n")
        time.sleep(0.5)
        parent.kill()
        assert gone([server])


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


PARENT = """
import sys
sys.path.insert(0, {here!r})
from sweepboard.execution.pool import Job, Pool
from sweepboard.execution.slots import Slots
with Pool(Slots(cores=2), preloaded=()) as pool:
    for name in ("a", "b"):
        pool.submit(Job(name, "fake_jobs:hang", {{"deaf": True, "file": {folder!r} + "/" + name}}))
    while pool.busy:
        pool.poll()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_job_outlives_a_parent_that_is_killed(tmp_path: Path, how: signal.Signals) -> None:
    program = PARENT.format(here=str(HERE), folder=str(tmp_path))
    parent = subprocess.Popen([sys.executable, "-c", program])
    files = [tmp_path / "a", tmp_path / "b"]
    while not all(file.exists() and file.read_text() for file in files):
        assert parent.poll() is None
        time.sleep(0.02)
    pids = [int(word) for file in files for word in file.read_text().split()]
    pids.append(_parent(pids[0]))  # the job server
    parent.send_signal(how)
    parent.wait()
    assert gone(pids), "a process was alive five seconds after its parent's death"


def test_a_gpu_is_given_to_as_many_jobs_as_it_may_have() -> None:
    jobs = [fake(str(number), "say", gpu=True) for number in range(6)]
    with Pool(Slots(cores=1, gpus=["3", "5"], jobs_per_gpu=2), preloaded=()) as pool:
        events = run(pool, *jobs)
    assert [event.gpu for event in events if isinstance(event, Started)][:4] == ["3", "5", "3", "5"]
    gpus = [message["gpu"] for name in "012345" for message in told(events, name)]
    assert set(gpus) == {"3", "5"}


def test_the_peak_of_a_finished_job_is_known_to_the_next(pool: Pool) -> None:
    run(pool, fake("hungry", "eat", bytes=200 << 20))
    assert 200 << 20 <= pool.slots.peak < 400 << 20
