"""A sweep that is stopped or killed: no job outlives it, and taken up again it ends as one that was not."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sweepboard.process_identity import process_started
from tests.runs.process import Sweepboard

pytestmark = pytest.mark.slow

WORDS = ["-m", "model=cnn", "optimizer.lr=0.01,0.001", "seed=1,2", "trainer.epochs=2",
         "trainer.limit_train_batches=30", "trainer.limit_val_batches=1", "trainer.limit_test_batches=1",
         "trainer.checkpoint.every_steps=5", "logging.images=0"]  # fmt: skip


def results(folder: Path) -> dict[str, dict[str, Any]]:
    """Every number of the final table but the times."""
    rows = json.loads((folder / "results.json").read_text())
    return {row["job"]: {key: value for key, value in row.items() if key != "seconds"} for row in rows}


def processes_in(folder: Path) -> list[int]:
    """The living processes that were started in `folder`."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in pids if process_started(pid) is not None and _directory(pid) == folder]


def _directory(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None


def in_the_middle(sweep: Sweepboard, folder: Path) -> None:
    """Wait until two jobs have saved something and two have not started."""
    sweep.wait_for(lambda: len(list(folder.glob("outputs/sweeps/s/*/checkpoints/last.pt"))) == 2)
    assert sweep.process.poll() is None, sweep.said()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The results of a sweep that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    Sweepboard(folder, *WORDS, "sweep.name=s").finish()
    return results(folder / "outputs/sweeps/s")


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator[Sweepboard]:
    """The same sweep, in the middle."""
    started = Sweepboard(tmp_path, *WORDS, "sweep.name=s")
    in_the_middle(started, tmp_path)
    yield started
    started.kill()


def resume(folder: Path) -> str:
    return Sweepboard(folder, "resume", "outputs/sweeps/s").finish()


def test_killed_it_takes_its_jobs_with_it_and_loses_nothing(
    sweep: Sweepboard, tmp_path: Path, whole: dict[str, dict[str, Any]]
) -> None:
    assert len(processes_in(tmp_path)) >= 4  # itself, the job server, two jobs
    sweep.kill()
    deadline = time.monotonic() + 5
    while processes_in(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_in(tmp_path) == []
    said = resume(tmp_path)
    assert "4 finished" in said
    assert results(tmp_path / "outputs/sweeps/s") == whole


def test_stopped_by_a_signal_every_job_saves(
    sweep: Sweepboard, tmp_path: Path, whole: dict[str, dict[str, Any]]
) -> None:
    said = sweep.stop(signal.SIGINT)
    assert "2 interrupted" in said
    assert "2 waiting" in said
    assert processes_in(tmp_path) == []
    states = {job: row["state"] for job, row in results(tmp_path / "outputs/sweeps/s").items()}
    assert sorted(states.values()) == ["interrupted", "interrupted", "waiting", "waiting"]
    again = Sweepboard(tmp_path, *WORDS, "sweep.name=s").finish()
    assert "4 finished" in again
    assert results(tmp_path / "outputs/sweeps/s") == whole


def test_a_second_sweep_in_its_folder_is_told_who_holds_it(sweep: Sweepboard, tmp_path: Path) -> None:
    other = Sweepboard(tmp_path, "resume", "outputs/sweeps/s")
    assert other.end() == 2
    assert f"outputs/sweeps/s is being written by process {sweep.process.pid}" in other.said()


def test_the_same_sweep_started_twice_at_once_is_one_sweep_and_one_line(
    tmp_path: Path, whole: dict[str, dict[str, Any]]
) -> None:
    both = [Sweepboard(tmp_path, *WORDS, "sweep.name=s") for _ in range(2)]
    ends = sorted(each.end() for each in both)
    assert ends[0] == 0
    said = [each.said() for each in both]
    assert ends[1] == 0 or sum("s is being written by process" in text for text in said) == 1, said
    assert results(tmp_path / "outputs/sweeps/s") == whole


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_to_every_process_at_once_interrupts_as_slurm_does(
    sweep: Sweepboard, tmp_path: Path, whole: dict[str, dict[str, Any]], signum: signal.Signals
) -> None:
    """Those of the job server and its jobs too, though they are in sessions and groups of their own."""
    for pid in processes_in(tmp_path):
        os.kill(pid, signum)
    assert sweep.process.wait(30) == 128 + signum, sweep.said()
    assert "failed" not in sweep.said()
    assert processes_in(tmp_path) == []
    states = [row["state"] for row in results(tmp_path / "outputs/sweeps/s").values()]
    assert sorted(states) == ["interrupted", "interrupted", "waiting", "waiting"]
    assert "4 finished" in resume(tmp_path)
    assert results(tmp_path / "outputs/sweeps/s") == whole
