"""How a job ended, judged by its process and its record."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from sweepboard.execution import LOST, Ended
from sweepboard.runs.folder import RunFolder
from sweepboard.stop_signals import STOP_SIGNALS
from sweepboard.sweeps.outcome import STOPPED, correct_record, outcome
from sweepboard.training.ending import INTERRUPTED
from tests.command import Command


@pytest.mark.parametrize("signum", STOP_SIGNALS)
def test_a_job_that_a_stop_signal_ends_before_it_trains_is_interrupted(signum: signal.Signals) -> None:
    assert outcome(Ended("job", -signum), None, None, None) == (
        "interrupted",
        f"interrupted by {signum.name}",
    )


def test_any_other_signal_is_a_failure() -> None:
    assert outcome(Ended("job", -signal.SIGKILL), None, None, None)[0] == "failed"
    assert outcome(Ended("job", -signal.SIGSEGV), None, None, None)[0] == "failed"


def test_a_job_lost_with_its_server_has_failed_unless_it_was_being_stopped() -> None:
    assert outcome(Ended("job", -signal.SIGKILL, LOST), None, None, None)[0] == "failed"
    assert outcome(Ended("job", -signal.SIGKILL, STOPPED), None, None, None) == ("interrupted", STOPPED)


def test_a_job_that_was_stopped_before_it_began_is_told_so_and_run_by_resume(
    command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    words = ("dataset=gaussian", "model=linear", "trainer=debug", "threads=1", "sweep.name=two")
    assert "2 finished" in command("-m", *words, "seed=1,2").out
    job = RunFolder(Path("outputs/sweeps/two/seed=2"))
    shutil.rmtree(job.path)
    job.path.mkdir()
    correct_record(job, INTERRUPTED, STOPPED)  # what the sweep writes then
    rows = command("compare", "outputs/sweeps/two").out.splitlines()
    assert [INTERRUPTED in row for row in rows if "seed=2" in row] == [True]
    assert "cannot be read" not in caplog.text
    for verb in ("resume", "rerun", "test"):
        line = command(verb, str(job), code=2).line
        assert f"{job}: interrupted before it began; `sweepboard resume {job.path.parent}` runs it" in line
    assert "2 finished" in command("resume", "outputs/sweeps/two").out
    assert job.begun
