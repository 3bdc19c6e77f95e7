"""Ctrl-C and its kin in real processes, at moments that are hard to leave: seconds later all are gone."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.command import TINY, record_of
from tests.runs.process import Launch, Sweepboard, assert_the_same

pytestmark = pytest.mark.slow

SLOW = """
import time
import torch
from torch.utils.data import Dataset
from sweepboard.data.datasets.fashion_mnist import FashionMini
from sweepboard.training.tasks import Classification

class Reading(FashionMini):
    def load(self):
        print("reading", flush=True)
        time.sleep(60)

class Pairs(Dataset):
    num_classes = 2
    def __init__(self, seconds):
        self.seconds = seconds
    def __len__(self):
        return 400
    def __getitem__(self, index):
        if index and torch.utils.data.get_worker_info():
            print("fetching", flush=True)
            time.sleep(self.seconds)
        return torch.full((8,), float(index)), index % 2

class Task(Classification):
    def __init__(self, where, seconds):
        super().__init__()
        self.where, self.seconds = where, seconds
    def loss(self, outputs, targets):
        if self.where == ("training" if outputs.requires_grad else "measuring") and len(targets) == 50:
            print(self.where, flush=True)
            time.sleep(self.seconds)
        return super().loss(outputs, targets)
"""
TASK = [
    "task._target_=slow.Task",
    "~task.label_smoothing",
    "dataset.batch_size=50",
    "dataset.eval_batch_size=50",
]
PAIRS = [
    "dataset._target_=slow.Pairs", "dataset.workers=2", "dataset.batch_size=4", "dataset.in_memory=false",
    "model=mlp",
]  # fmt: skip
SECONDS = 30
"""In which a process has to be gone: far more than it takes, far less than what it is in the middle of."""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "slow.py").write_text(SLOW)
    return tmp_path


def start(launch: Launch, here: Path, words: list[str], when: str) -> Sweepboard:
    """A run that has come to the moment at which it prints `when`."""
    process = launch(here, *TINY, "hydra.run.dir=run", *words)
    process.wait_until_it_says(when)
    assert process.process.poll() is None, process.said()
    return process


def ctrl_c(process: Sweepboard) -> None:
    """As a terminal does: to all processes in front of it."""
    os.killpg(process.process.pid, signal.SIGINT)


def assert_gone(process: Sweepboard, code: int) -> None:
    """Left with `code`, with one line, with a record that says so, and with no process left."""
    assert process.process.wait(SECONDS) == code, process.said()
    assert "Traceback" not in process.said()
    assert record_of(process.folder / "run")["status"] == "interrupted"
    assert process.others() == []


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_while_data_is_read(launch: Launch, here: Path, signum: signal.Signals) -> None:
    process = start(launch, here, ["dataset._target_=slow.Reading"], "reading")
    process.process.send_signal(signum)
    assert_gone(process, 128 + signum)
    assert process.said().splitlines()[-3] == f"sweepboard: interrupted by {signum.name}"
    assert record_of(here / "run")["reason"] == f"interrupted by {signum.name}"


@pytest.mark.parametrize("fraction", [0.1, 0], ids=["validation", "test"])
def test_while_it_measures(launch: Launch, here: Path, fraction: float) -> None:
    words = [*TASK, "task.where=measuring", "task.seconds=1", f"dataset.val_fraction={fraction}"]
    limits = ["trainer.limit_val_batches=30", "trainer.limit_test_batches=30"]
    process = start(launch, here, [*words, *limits], "measuring")
    ctrl_c(process)
    assert_gone(process, 130)
    assert (here / "run" / "checkpoints" / "last.pt").exists()


def test_the_second_ctrl_c_leaves_at_once(launch: Launch, here: Path) -> None:
    process = start(launch, here, [*TASK, "task.where=training", "task.seconds=60"], "training")
    ctrl_c(process)
    time.sleep(1)
    assert process.process.poll() is None  # it is in the middle of an update
    ctrl_c(process)
    assert_gone(process, 130)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("signum", [signal.SIGUSR1, signal.SIGUSR2])
def test_a_warning_of_the_cluster_to_every_process_lets_the_run_save(
    launch: Launch, here: Path, signum: signal.Signals, method: str
) -> None:
    words = [*PAIRS, "dataset.seconds=0.2", f"dataset.multiprocessing_context={method}"]
    process = start(launch, here, words, "fetching")
    os.killpg(process.process.pid, signum)
    process.end()
    wait_for_others(process, 0)  # Python's tracker of resources ends a moment after the run
    assert_gone(process, 128 + signum)
    assert (here / "run" / "checkpoints" / "last.pt").exists()


def test_while_workers_fetch(launch: Launch, here: Path) -> None:
    process = start(launch, here, [*PAIRS, "dataset.seconds=0.2"], "fetching")
    ctrl_c(process)
    assert_gone(process, 130)
    assert (here / "run" / "checkpoints" / "last.pt").exists()


def test_the_second_ctrl_c_leaves_at_once_while_workers_fetch(launch: Launch, here: Path) -> None:
    process = start(launch, here, [*PAIRS, "dataset.seconds=60"], "fetching")
    ctrl_c(process)
    time.sleep(1)
    assert process.process.poll() is None
    ctrl_c(process)
    assert_gone(process, 130)


def test_no_worker_outlives_a_killed_run(launch: Launch, here: Path) -> None:
    process = start(launch, here, [*PAIRS, "dataset.seconds=60"], "fetching")
    wait_for_others(process, 2)  # the first worker may fetch before the second one lives
    process.kill()
    wait_for_others(process, 0)


def wait_for_others(process: Sweepboard, count: int) -> None:
    """Until so many processes live that `process` has started."""
    deadline = time.monotonic() + SECONDS
    while len(process.others()) != count and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(process.others()) == count


STUCK = """
import time
from pathlib import Path
import torch
from torch.utils.data import Dataset

class Pairs(Dataset):
    num_classes = 2
    def __len__(self):
        return 400
    def __getitem__(self, index):
        if index == 17 and not Path("free").exists():
            print("stuck", flush=True)
            time.sleep(1000)
        return torch.full((8,), float(index)), index % 2
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_sample_that_never_comes_is_given_up_and_the_run_goes_on_as_if_nothing_had_been(
    launch: Launch, tmp_path: Path, workers: int, signum: signal.Signals
) -> None:
    (tmp_path / "stuck.py").write_text(STUCK)
    words = [*TINY[:2], "trainer.epochs=2", "logging=minimal", "logging.every_steps=2",
             "dataset.batch_size=4", "dataset._target_=stuck.Pairs",
             f"dataset.workers={workers}"]  # fmt: skip
    process = launch(tmp_path, *words, "hydra.run.dir=run")
    process.wait_until_it_says("stuck")
    process.sleep(2)  # until what other workers have fetched is used up
    process.process.send_signal(signum)
    assert_gone(process, 128 + signum)
    assert process.said().splitlines()[-3].endswith("while it waited for samples that did not come")
    (tmp_path / "free").touch()
    launch(tmp_path, "resume", "run").finish()
    launch(tmp_path, *words, "hydra.run.dir=whole").finish()
    assert_the_same(tmp_path / "run", tmp_path / "whole")
