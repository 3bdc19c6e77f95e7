"""Ranks that are killed, stopped or hang: the run ends within seconds, says who and why, and goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import only_run, record_of
from tests.runs.process import Launch, Sweepboard, assert_the_same
from tests.runs.rank_process import all_end, children, ranks
from tests.slurm import Slurm

pytestmark = pytest.mark.slow

RUN = [
    "model=mlp", "model.dropout=0.2", "dataset=gaussian", "dataset.batch_size=50",
    "dataset.val_fraction=0.149", "threads=1", "trainer.devices=3", "trainer.accumulate=2",
    "trainer.epochs=60", "trainer.checkpoint.every_steps=2", "logging.every_steps=7", "logging.images=0",
    "hydra.run.dir=run",
]  # fmt: skip
"""Nine updates in an epoch of 851 samples: a batch that 3 does not divide, and a last one of one sample."""

LONG = [*RUN, "trainer.epochs=100000", "trainer.checkpoint.every_steps=null"]


@pytest.fixture(scope="module")
def reference(launch: Launch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run that nothing disturbed."""
    run = tmp_path_factory.mktemp("reference") / "run"
    launch(run.parent, *RUN).finish()
    return run


def test_kill_nine_of_the_command_at_random_moments(reference: Path, launch: Launch, tmp_path: Path) -> None:
    moments, run = random.Random(os.urandom(4)), tmp_path / "run"
    process = launch(tmp_path, *RUN)
    for _ in range(5):
        process.wait_for_its_record(run)
        process.sleep(moments.uniform(3, 6))
        others = children(process.process.pid)
        process.kill()
        all_end(others, 2)
        process = launch(tmp_path, "resume", "run")
    process.finish()
    assert_the_same(run, reference)


def test_kill_nine_of_a_rank_ends_the_command_which_a_sweep_tries_again(
    reference: Path, launch: Launch, tmp_path: Path
) -> None:
    process = launch(tmp_path, "-m", *RUN[:-1], "sweep.name=s", "sweep.retry=1", "seed=0")
    process.wait_for(lambda: list(tmp_path.rglob("checkpoints/last.pt")))
    job = only_run(tmp_path)
    [rank] = [pid for pid in children(process.process.pid) if _log(pid) == job / "ranks" / "2.log"]
    os.kill(rank, signal.SIGKILL)
    process.finish()
    assert record_of(job)["attempts"] == 2
    assert_the_same(job, reference)


def _log(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/fd/1").readlink()
    except OSError:
        return None


def started(launch: Launch, folder: Path, *words: str) -> tuple[Sweepboard, dict[int, int], list[int]]:
    """A command that trains, its ranks, and all processes below it."""
    process = launch(folder, *LONG, *words)
    process.wait_until_it_says("epoch 3/")
    return process, ranks(process, 3), children(process.process.pid)


def test_a_killed_rank_is_named(launch: Launch, tmp_path: Path) -> None:
    process, found, others = started(launch, tmp_path)
    os.kill(found[2], signal.SIGKILL)
    assert process.process.wait(5) == 1
    all_end(others, 1)
    told = "rank 2 was killed by SIGKILL (kill -9, or the system where memory ran out)"
    assert f"sweepboard: {told}" in process.said()
    assert record_of(tmp_path / "run")["reason"] == told


@pytest.mark.parametrize(
    ("signum", "reached"),
    [
        (signal.SIGTERM, [1]),
        (signal.SIGUSR1, [0, 1, 2]),
        (signal.SIGUSR2, [2]),
        (signal.SIGINT, [0]),
    ],
)
def test_a_signal_to_any_rank_saves_once_and_ends_all(
    signum: signal.Signals, reached: list[int], launch: Launch, tmp_path: Path
) -> None:
    process, found, others = started(launch, tmp_path)
    for rank in reached:
        os.kill(found[rank], signum)
    assert process.process.wait(15) == 128 + signum
    all_end(others, 2)
    record = record_of(tmp_path / "run")
    assert (record["status"], record["reason"]) == ("interrupted", f"interrupted by {signum.name}")
    assert record["step"] > 0
    assert (tmp_path / "run" / "checkpoints" / "last.pt").exists()


HANGING = """
import time, torch
from sweepboard.tasks import Classification

class Hanging(Classification):
    def __init__(self, rank):
        super().__init__()
        self.rank, self.calls = rank, 0
    def loss(self, outputs, targets):
        self.calls += 1
        ranks = torch.distributed
        if self.calls > 60 and ranks.is_initialized() and ranks.get_rank() == self.rank:
            time.sleep(600)
        return super().loss(outputs, targets)
"""


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_that_hangs_is_named(rank: int, launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(HANGING)
    words = ["task._target_=own.Hanging", f"task.rank={rank}", "~task.label_smoothing", "trainer.timeout=3"]
    process = launch(tmp_path, *LONG, *words)
    found = ranks(process, 3)
    others = children(process.process.pid)
    assert len(found) == 3
    assert process.process.wait(60) == 1
    all_end(others, 2)
    told = f"rank {rank} did not answer for 3 seconds (trainer.timeout)"
    assert told in process.said()
    assert record_of(tmp_path / "run")["reason"] == told


STUCK = """
import time
from pathlib import Path
import torch
from torch.utils.data import Dataset, IterableDataset

def sample(index):
    return torch.full((8,), float(index)), index % 2

def stuck(index, at):
    while index == at and not Path("free").exists():
        print("stuck", flush=True)
        time.sleep(1)

class Stream(IterableDataset):
    num_classes = 2
    def __len__(self):
        return 400
    def __iter__(self):
        for index in range(400):
            stuck(index, 101)
            yield sample(index)

class Pairs(Dataset):
    num_classes = 2
    def __len__(self):
        return 400
    def __getitem__(self, index):
        stuck(index, 101)
        return sample(index)
"""

WAITS = ["model=linear", "threads=1", "trainer.devices=2", "trainer.epochs=2", "logging=minimal",
         "logging.every_steps=2", "dataset.batch_size=8", "trainer.val_every_epochs=null",
         "dataset.val_fraction=0"]  # fmt: skip


@pytest.mark.parametrize("reached", [0, 1])
def test_a_wait_for_samples_is_given_up_by_all_and_saved(
    reached: int, launch: Launch, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(STUCK)
    words = [*WAITS, "dataset._target_=own.Stream"]
    process = launch(tmp_path, *words, "hydra.run.dir=run")
    process.wait_until_it_says("stuck")
    found = ranks(process, 2)
    process.wait_for(lambda: "stuck" in (tmp_path / "run" / "ranks" / "1.log").read_text())
    others = children(process.process.pid)
    os.kill(found[reached], signal.SIGINT)
    assert process.process.wait(20) == 128 + signal.SIGINT
    all_end(others, 2)
    record = record_of(tmp_path / "run")
    assert record["reason"] == "interrupted by SIGINT while it waited for samples that did not come"
    assert record["checkpoint_step"] == record["step"] > 0
    (tmp_path / "free").touch()
    launch(tmp_path, "resume", "run").finish()
    launch(tmp_path, *words, "hydra.run.dir=whole").finish()
    assert_the_same(tmp_path / "run", tmp_path / "whole")


@pytest.mark.parametrize("reached", [0, 1])
def test_a_wait_of_one_rank_alone_ends_the_run_which_says_why_nothing_is_saved(
    reached: int, launch: Launch, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(STUCK)
    words = [*WAITS, "dataset._target_=own.Pairs", "dataset.shuffle=false", "hydra.run.dir=run"]
    process = launch(tmp_path, *words)
    log = tmp_path / "run" / "ranks" / "1.log"
    process.wait_for(lambda: log.exists() and "stuck" in log.read_text())
    found = ranks(process, 2)
    others = children(process.process.pid)
    os.kill(found[reached], signal.SIGTERM)
    assert process.process.wait(30) == 128 + signal.SIGTERM
    all_end(others, 2)
    reason = record_of(tmp_path / "run")["reason"]
    assert reason.endswith("and another rank was elsewhere: nothing was saved since the last checkpoint")


SLOW_END = """
import time
from sweepboard import Callback

class SlowEnd(Callback):
    writes_only = True
    def finish(self, status):
        time.sleep(8)
        print("finished slowly", flush=True)
"""


def test_rank_0_may_take_its_time_after_the_others_have_ended(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(SLOW_END)
    process, found, _ = started(launch, tmp_path, "+callbacks.slow._target_=own.SlowEnd")
    os.kill(found[0], signal.SIGTERM)
    assert process.process.wait(30) == 128 + signal.SIGTERM
    assert "finished slowly" in process.said()
    assert record_of(tmp_path / "run")["status"] == "interrupted"


def test_a_killed_server_of_the_ranks_is_told(launch: Launch, tmp_path: Path) -> None:
    process, found, others = started(launch, tmp_path)
    [server] = [pid for pid in others if pid not in found.values()]
    os.kill(server, signal.SIGKILL)
    assert process.process.wait(15) == 1
    all_end(others, 2)
    told = "the process that had started the other ranks was killed, and they with it"
    assert record_of(tmp_path / "run")["reason"] == told


def test_torchrun_starts_the_same_run(reference: Path, launch: Launch, tmp_path: Path) -> None:
    start = ["-m", "torch.distributed.run", "--nproc-per-node=3"]
    launch(tmp_path, *RUN, before=start).finish()
    assert_the_same(tmp_path / "run", reference)


@pytest.mark.parametrize("nodes", [1, 2])
def test_srun_starts_the_same_run(nodes: int, slurm: Slurm, tmp_path: Path) -> None:
    words = [*RUN, "trainer.epochs=2", "trainer.devices=2"]
    run_in(tmp_path, sys.executable, "-m", "sweepboard", *words, "hydra.run.dir=here")
    step = ["srun", "--overcommit", "--ntasks=2", f"--nodes={nodes}", "--kill-on-bad-exit=1"]
    words += [f"trainer.devices={2 // nodes}", f"trainer.nodes={nodes}"]
    run_in(tmp_path, *step, sys.executable, "-m", "sweepboard", *words, "hydra.run.dir=there")
    assert_the_same(tmp_path / "there", tmp_path / "here")


ENDING = """
import os, signal
from sweepboard import Callback

class Ending(Callback):
    def __init__(self, how):
        if os.environ.get("SLURM_PROCID") == "1":
            os.kill(os.getpid(), signal.SIGKILL) if how == "killed" else self.no_such_thing
"""


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("killed", "rank 1 was killed by SIGKILL (kill -9, or the system where memory ran out)"),
        (
            "failed",
            "rank 1 (see ranks/1.log): AttributeError: 'Ending' object has no attribute 'no_such_thing'",
        ),
    ],
)
def test_a_rank_that_ends_while_it_is_built_is_not_waited_for_under_srun(
    how: str, told: str, slurm: Slurm, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(ENDING)
    words = [
        *RUN,
        "trainer.devices=2",
        "+callbacks.ending._target_=own.Ending",
        f"+callbacks.ending.how={how}",
    ]
    step = ["srun", "--overcommit", "--ntasks=2", "--kill-on-bad-exit=0", sys.executable, "-m", "sweepboard"]
    done = subprocess.run(
        [*step, *words], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"sweepboard: {told}" in done.stderr
    assert record_of(tmp_path / "run")["reason"] == told


def run_in(folder: Path, *words: str) -> None:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
