"""Kill anything at any moment: the resumed run ends with the weights and the curves of one never stopped."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sweepboard.board.reader import read_hparams, read_scalars
from tests.command import record_of

pytestmark = pytest.mark.slow

RUN = [
    "model=mlp",
    "model.dropout=0.2",
    "dataset.augment=crop_flip",
    "scheduler=warmup_cosine",
    "threads=1",
    "trainer.epochs=6",
    "trainer.limit_train_batches=50",
    "trainer.accumulate=2",
    "trainer.early_stopping.patience=50",
    "trainer.checkpoint.every_steps=2",
    "logging.every_steps=7",
    "hydra.run.dir=run",
]
PATHS = {
    "in memory": [],
    "loader": ["dataset.in_memory=false"],
    "loader, two workers": ["dataset.in_memory=false", "dataset.workers=2"],
}
KILLS = 7
"""Of each path: 21 in all."""


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """`sweepboard` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "sweepboard", *words], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> None:
    """Wait for an end without error."""
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said


def after_a_moment(run: Path, moment: float) -> None:
    """Sleep `moment` seconds from the first checkpoint of this sitting on."""
    began, limit = time.time(), time.time() + 60
    last = run / "checkpoints" / "last.pt"
    while not (last.exists() and last.stat().st_mtime > began - 0.5) and time.time() < limit:
        time.sleep(0.005)
    time.sleep(moment)


def curves(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Every point but those that tell the time."""
    series = {tag: found for tag, found in read_scalars(run).items() if not tag.startswith("perf/")}
    return {
        tag: list(zip(found.steps.tolist(), found.values.tolist(), strict=True))
        for tag, found in series.items()
    }


def uninterrupted(folder: Path, words: list[str]) -> Path:
    folder.mkdir()
    finish(start(folder, *RUN, *words))
    return folder / "run"


def assert_the_same(run: Path, reference: Path) -> None:
    """Weights by SHA-256, every scalar of every step, each once in three readers, one row that says success."""
    assert record_of(run)["status"] == "finished"
    assert record_of(run)["weights_sha256"] == record_of(reference)["weights_sha256"]
    assert curves(run) == curves(reference)
    slow = EventAccumulator(str(run), size_guidance={"scalars": 0}).Reload()
    for tag, points in curves(reference).items():
        assert [(point.step, point.value) for point in slow.Scalars(tag)] == points
    row = read_hparams(run)
    assert row is not None
    assert row.status == "finished"


@pytest.mark.parametrize("words", PATHS.values(), ids=PATHS.keys())
def test_kill_nine_at_random_moments(words: list[str], tmp_path: Path) -> None:
    reference = uninterrupted(tmp_path / "reference", words)
    seed = int.from_bytes(os.urandom(4), "little")
    print(f"random moments from seed {seed}")
    moments = random.Random(seed)
    folder = tmp_path / "killed"
    folder.mkdir()
    run, process = folder / "run", start(folder, *RUN, *words)
    for _ in range(KILLS):
        after_a_moment(run, moments.uniform(0, 0.3))
        process.kill()
        process.communicate()
        process = start(folder, "resume", "run")
    finish(process)
    assert record_of(run)["sittings"] > KILLS // 2
    assert_the_same(run, reference)
    assert not list((run / "checkpoints").glob(".*tmp"))


@pytest.mark.parametrize(
    "signum", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1], ids=lambda signum: signum.name
)
@pytest.mark.parametrize("words", PATHS.values(), ids=PATHS.keys())
def test_a_signal_saves_and_leaves_with_its_code(
    words: list[str], signum: signal.Signals, tmp_path: Path
) -> None:
    reference = uninterrupted(tmp_path / "reference", words)
    folder = tmp_path / "stopped"
    folder.mkdir()
    run, process = folder / "run", start(folder, *RUN, *words)
    after_a_moment(run, 0.1)
    process.send_signal(signum)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 128 + signum, said
    record: dict[str, Any] = record_of(run)
    assert record["status"] == "interrupted"
    assert record["reason"] == f"interrupted by {signum.name}"
    assert said.splitlines()[-1].startswith(f"sweepboard: interrupted by {signum.name}")
    finish(start(folder, "resume", "run"))
    assert_the_same(run, reference)
