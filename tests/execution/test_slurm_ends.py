"""How the Slurm executor takes ends of tasks that their jobs have not caused."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sweepboard.execution import Ended, Event, Job, Message, Payload, Requeued, Started
from sweepboard.execution.slurm import SlurmExecutor, commands
from sweepboard.execution.slurm.batch import SECRETS, Batch, Tail, append
from sweepboard.execution.slurm.commands import Ending, TaskState
from sweepboard.execution.slurm.task import Task
from sweepboard.import_path import python
from sweepboard.process_identity import process_started
from sweepboard.settings import SlurmSettings
from tests.execution.executors import hanging, pids_of, report, run
from tests.slurm import Slurm, wait_for

EXECUTOR = "sweepboard.execution.slurm.executor"
BEGAN, STARTED = {"began": "host"}, {"started": "a", "gpu": None}
PUT_BACK = {"put_back": "a", "why": "SIGTERM"}


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask Slurm soon."""
    monkeypatch.setattr(f"{EXECUTOR}.SETTLE", 1.0)
    monkeypatch.setattr(f"{EXECUTOR}.ASK", 0.5)


class FakeSlurm:
    """Takes every array, whose only task reports and ends always the same."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, end: Ending, *reported: Payload) -> None:
        self.arrays, self._reported = 0, reported
        for name in ("SETTLE", "ASK", "WAIT"):
            monkeypatch.setattr(f"{EXECUTOR}.{name}", 0.0)
        monkeypatch.setattr(commands, "most_tasks", lambda: 9)
        monkeypatch.setattr(commands, "submit", self._submit)
        queue = {f"{number}_0": TaskState("", end.state, "") for number in range(9)}
        monkeypatch.setattr(commands, "queue", lambda: queue)
        monkeypatch.setattr(commands, "ending", lambda name, state: end)

    def _submit(self, options: object, script: str, environment: Mapping[str, str]) -> str:
        assert "hush" in environment[SECRETS]
        append(Batch(Path(script).parent).events(0), *self._reported)
        self.arrays += 1
        return str(self.arrays - 1)

    def run(self, folder: Path, **settings: Any) -> list[Event]:
        """Return the events of a job."""
        with SlurmExecutor(SlurmSettings(**settings), folder) as executor:
            return run(executor, Job("a", "a:b", secrets={"key": "hush"}))


@pytest.mark.parametrize(
    ("end", "reported"),
    [
        (Ending("FAILED", 9, restarts=1), [BEGAN, STARTED, PUT_BACK]),
        (Ending("FAILED", 0, restarts=1), [BEGAN, STARTED]),
        (Ending("FAILED", signal.SIGTERM), []),
        (Ending("COMPLETED"), [BEGAN, STARTED, PUT_BACK]),
    ],
)
def test_what_was_cut_off_is_submitted_again_and_at_last_interrupted(
    end: Ending, reported: list[Payload], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    slurm = FakeSlurm(monkeypatch, end, *reported)
    events = slurm.run(tmp_path)
    assert slurm.arrays == 3
    assert events[-1] == Ended("a", None, f"Slurm ended job 2_0 ({end})")
    assert sum(isinstance(event, Ended) for event in events) == 1
    started, back = (sum(isinstance(event, kind) for event in events) for kind in (Started, Requeued))
    assert started - back in (0, 1)  # a job that has been put back is not put back again
    assert caplog.text.count("submitted again: a") == 2
    for number in ("001", "002"):  # should Slurm start one of them again
        assert Tail(tmp_path / number / "0.commands").poll() == [
            {"stop": "a", "reason": "it is submitted again"}
        ]


@pytest.mark.parametrize(
    ("end", "reported"),
    [
        (Ending("FAILED"), []),  # a line of setup
        (Ending("FAILED", signal.SIGKILL), [BEGAN, STARTED]),
        (Ending("OUT_OF_MEMORY", restarts=1), [BEGAN, STARTED]),
        (Ending("COMPLETED"), []),  # `exit` in the setup
    ],
)
def test_what_failed_is_not_submitted_again(
    end: Ending, reported: list[Payload], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm = FakeSlurm(monkeypatch, end, *reported)
    events = slurm.run(tmp_path)
    assert slurm.arrays == 1
    [last] = [event for event in events if isinstance(event, Ended)]
    assert f"Slurm's job 0_0 ended ({end}) before its jobs did" in str(last.error)


def test_without_requeue_what_was_cut_off_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm = FakeSlurm(monkeypatch, Ending("COMPLETED"), BEGAN, STARTED, PUT_BACK)
    events = slurm.run(tmp_path, requeue=False)
    assert slurm.arrays == 1
    assert events[-1] == Ended("a", None, "Slurm ended job 0_0 (COMPLETED)")


def test_an_allocation_that_begins_again_has_lost_what_ran(tmp_path: Path) -> None:
    batch = Batch.new(tmp_path)
    batch.write([[report("a")]], [], {})
    task = Task.new(batch, 0, [report("a")], "1")
    append(batch.events(0), BEGAN, STARTED, BEGAN, STARTED)
    assert task.poll() == [Started("a"), Requeued("a", "its allocation was lost"), Started("a")]


def test_a_signal_may_reach_a_job_before_its_allocation(tmp_path: Path) -> None:
    """Slurm sends SIGTERM to one process after the other: the job must not count as stopped by somebody."""
    batch = Batch.new(tmp_path)
    batch.write([[hanging("a")]], [], {"requeue": True, "jobs_per_gpu": 1, "grace": 5.0})
    start = "from sweepboard.execution.slurm.allocation import main; main()"
    allocation = subprocess.Popen([*python(start), str(batch.path), "0"])
    seen, tail = list[Payload](), Tail(batch.events(0))

    def told(key: str) -> bool:
        seen.extend(tail.poll())
        return any(key in each for each in seen)

    wait_for(lambda: told("message"), "the job")
    job, _ = seen[-1]["payload"]["pids"]
    os.kill(job, signal.SIGTERM)
    wait_for(lambda: process_started(job) is None, "the end of the job")
    time.sleep(0.2)
    allocation.send_signal(signal.SIGTERM)
    assert allocation.wait(60) == 0
    assert told("put_back")
    assert not told("ended")


def started_again(executor: SlurmExecutor) -> list[Event]:
    """What happens until a job has sent another message."""
    events = list[Event]()

    def has_said() -> bool:
        events.extend(executor.poll())
        return any(isinstance(event, Message) for event in events)

    wait_for(has_said, "the job's next attempt")
    return events


@pytest.mark.slow
def test_a_stray_sigterm_ends_an_allocation_and_no_job(slurm: Slurm, patient: None, tmp_path: Path) -> None:
    with SlurmExecutor(SlurmSettings(), tmp_path) as executor:
        executor.submit(hanging("a"))
        pids_of(executor)
        before = set(slurm.states())
        slurm.run("scancel", "--signal=TERM", "--batch", *slurm.active())
        events = started_again(executor)
        assert events[0] == Requeued("a", "its allocation was ended by SIGTERM")
        assert len(set(slurm.states()) - before) == 1
        executor.stop("a", "it was enough")
        assert Ended("a", 143, "it was enough") in run(executor)


@pytest.mark.slow
@pytest.mark.parametrize("setup", ["kill -TERM $$", "exec python3 -c 'import os; os.kill(os.getpid(), 15)'"])
def test_a_sigterm_while_an_allocation_starts_costs_no_job(
    setup: str, slurm: Slurm, patient: None, tmp_path: Path
) -> None:
    once = f"[ -e {tmp_path}/once ] || {{ touch {tmp_path}/once; {setup}; }}"
    with SlurmExecutor(SlurmSettings(setup=[once]), tmp_path / "launcher") as executor:
        assert Ended("a", 0) in run(executor, report("a"))
    assert (tmp_path / "once").exists()


@pytest.mark.slow
def test_an_attempt_after_a_requeue_may_be_killed(slurm: Slurm, patient: None, tmp_path: Path) -> None:
    killed = '[ "${SLURM_RESTART_COUNT:-0}" != 1 ] || kill -KILL $$'
    with SlurmExecutor(SlurmSettings(setup=[killed]), tmp_path) as executor:
        executor.submit(hanging("a"))
        pids_of(executor)
        [task] = slurm.active()
        slurm.requeue(task)
        events = started_again(executor)
        assert events[0] == Requeued("a", "its allocation was ended by SIGTERM")
        executor.stop("a", "it was enough")
        assert Ended("a", 143, "it was enough") in run(executor)
