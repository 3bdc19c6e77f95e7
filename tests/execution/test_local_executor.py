"""The executor of this machine: it passes the suite, and no job outlives its parent, however that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sweepboard.errors import RunFailed
from sweepboard.execution import LOST, Ended, LocalExecutor, Message, Resources, Started
from sweepboard.execution.executor import Executor, Job
from sweepboard.stop_signals import STOP_SIGNALS
from sweepboard.testing import ExecutorSuite
from tests.execution.executors import gone, hanging, pids_of, run

HERE = Path(__file__).parent


class TestConformance(ExecutorSuite):
    """The suite that every backend passes."""

    def executor(self, jobs: int, grace: float) -> Executor:
        return LocalExecutor(Resources(cores=2, jobs=jobs), grace=grace)


def own_job(name: str, function: str, *, gpu: bool = False, **arguments: Any) -> Job:
    return Job(name, f"jobs:{function}", arguments, gpu=gpu)


def local(cores: int = 1, **more: Any) -> LocalExecutor:
    return LocalExecutor(Resources(cores, **more), grace=0.5)


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)


def test_a_bug_in_a_job_prints_its_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    with local() as executor:
        run(executor, Job("raises", "sweepboard.testing.executor_jobs:fail"))
    assert "RuntimeError: a bug" in capfd.readouterr().err


def test_a_free_slot_is_filled_at_once(tmp_path: Path) -> None:
    two_at_once = [own_job(str(number), "share", folder=str(tmp_path), together=2) for number in range(2)]
    with local(cores=2) as executor:
        events = run(executor, *two_at_once, own_job("later", "say"))
    names = [(type(event), event.name) for event in events if not isinstance(event, Message)]
    assert names[:2] == [(Started, "0"), (Started, "1")]
    assert names.index((Started, "later")) > min(names.index((Ended, "0")), names.index((Ended, "1")))


def test_jobs_that_wait_start_elsewhere_when_the_job_server_is_killed() -> None:
    with local() as executor:
        executor.submit(hanging("hanging"))
        job, _ = pids_of(executor)
        os.kill(_parent(job), signal.SIGKILL)
        events = run(executor, own_job("next", "say"))
    assert Ended("hanging", -signal.SIGKILL, LOST) in events
    assert Ended("next", 0) in events
    assert gone([job])


def test_a_job_server_that_cannot_start_ends_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [sys.executable, "-c", "1 / 0"]
    monkeypatch.setattr("sweepboard.execution.local.job_server.python", lambda _: broken)
    with (
        local() as executor,
        pytest.raises(RunFailed, match=r"^the process that starts the jobs ended before"),
    ):
        run(executor, own_job("lost", "say"), own_job("never", "say"))


SLOW_START = """
import sys
sys.path.insert(0, {folder!r})
from sweepboard.execution.local import job_server
real, serve = job_server.python, "from sweepboard.execution.local.server_process"
def slowed(start):
    assert serve in start
    return real(start.replace(serve, {first!r} + serve))
job_server.python = slowed
print(job_server.JobServer({preload!r})._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(("first", "preload"), [("import slow; ", []), ("", ["slow"])])
def test_a_job_server_ends_with_its_parent_while_it_starts(
    tmp_path: Path, first: str, preload: list[str]
) -> None:
    (tmp_path / "slow.py").write_text("import time\nprint('here', flush=True)\ntime.sleep(60)")
    program = SLOW_START.format(folder=str(tmp_path), first=first, preload=preload)
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        lines = [parent.stdout.readline(), parent.stdout.readline()]  # the server's `here` among them
        server = next(int(line) for line in lines if line != "here\n")
        assert "here\n" in lines
        parent.kill()
        assert gone([server])


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


PARENT = """
import sys
sys.path.insert(0, {here!r})
from sweepboard.execution import Job, LocalExecutor, Resources
with LocalExecutor(Resources(cores=2)) as executor:
    for name in ("a", "b"):
        executor.submit(Job(name, "jobs:hang_and_note", {{"file": {folder!r} + "/" + name}}))
    while executor.busy:
        executor.poll()
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
    jobs = [own_job(str(number), "say", gpu=True) for number in range(6)]
    with local(gpus=("3", "5"), jobs_per_gpu=2) as executor:
        events = run(executor, *jobs)
    assert [event.gpu for event in events if isinstance(event, Started)][:4] == ["3", "5", "3", "5"]
    assert {event.payload["gpu"] for event in events if isinstance(event, Message)} == {"3", "5"}


def test_the_peak_of_a_finished_job_is_known_to_the_next() -> None:
    with local() as executor:
        run(executor, own_job("hungry", "eat", bytes=200 << 20))
        assert 200 << 20 <= executor.slots.peak < 400 << 20


def test_a_server_started_ahead_loads_what_its_executor_needs() -> None:
    from sweepboard.execution import prestarted_server
    from sweepboard.execution.local import job_server

    with prestarted_server(["json"]):
        [ahead] = job_server._prestarted
        with LocalExecutor(Resources(cores=1), preload=["json", "torch"]) as executor:
            assert executor._server is ahead
            events = run(executor, own_job("a", "say"))
    assert [event.payload["torch"] for event in events if isinstance(event, Message)] == [True]
    assert not job_server._prestarted


@pytest.mark.parametrize("signum", STOP_SIGNALS)
def test_the_job_server_outlives_a_signal_to_every_process_and_the_jobs_have_their_own_handlers(
    signum: signal.Signals,
) -> None:
    with local() as executor:
        executor.submit(own_job("asked", "until_signal"))
        job, server = pids_of(executor)
        os.kill(server, signum)
        os.kill(job, signum)
        events = run(executor, own_job("next", "say"))
    assert Ended("asked", 3) in events
    assert Ended("next", 0) in events


def test_a_signal_to_a_job_server_that_still_starts_is_ignored() -> None:
    with local() as executor:
        os.kill(executor._server._process.pid, signal.SIGTERM)
        assert Ended("next", 0) in run(executor, own_job("next", "say"))


def test_a_job_that_was_asked_to_stop_is_not_lost_with_its_server() -> None:
    with local() as executor:
        executor.submit(hanging("deaf", deaf=True))
        job, _ = pids_of(executor)
        executor.stop_all("the sweep ends")
        os.kill(_parent(job), signal.SIGKILL)
        assert run(executor) == [Ended("deaf", -signal.SIGKILL, "the sweep ends")]
