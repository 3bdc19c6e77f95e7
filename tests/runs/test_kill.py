"""Kill anything at any moment: the resumed run ends with the weights and the curves of one never stopped."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import record_of
from tests.runs.process import Launch, assert_the_same

pytestmark = pytest.mark.slow

RUN = [
    "model=mlp",
    "model.dropout=0.2",
    "dataset.augment=crop_flip",
    "scheduler=warmup_cosine",
    "threads=1",
    "trainer.epochs=40",
    "trainer.limit_train_batches=50",
    "trainer.accumulate=2",
    "trainer.early_stopping.patience=3",
    "trainer.early_stopping.min_delta=0.02",
    "trainer.checkpoint.every_steps=2",
    "logging.every_steps=7",
    "logging.images=0",
    "hydra.run.dir=run",
]
"""Stops early after some 200 updates, half of which are saved."""

PATHS = {
    "in memory": [],
    "loader": ["dataset.in_memory=false"],
    "loader, two workers": ["dataset.in_memory=false", "dataset.workers=2"],
}
KILLS = 8
"""Of each path: 24 in all."""

Reference = Callable[[str], Path]


@pytest.fixture(scope="module")
def reference(launch: Launch, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """The finished run of a path of PATHS that nothing disturbed."""
    made: dict[str, Path] = {}

    def run_of(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp("reference") / "run"
            launch(made[name].parent, *RUN, *PATHS[name]).finish()
            assert record_of(made[name])["step"] < record_of(made[name])["total_steps"]
        return made[name]

    return run_of


@pytest.mark.parametrize("name", PATHS)
def test_kill_nine_at_random_moments(name: str, reference: Reference, launch: Launch, tmp_path: Path) -> None:
    """Half of the moments are any time from the process's first word in run.json on (reading data, before
    the first save, in an update, in a validation), half are in the middle of a save."""
    seed = int.from_bytes(os.urandom(4), "little")
    print(f"random moments from seed {seed}")
    moments = random.Random(seed)
    longest = 1.2 * record_of(reference(name))["seconds"] / KILLS
    run, kills = tmp_path / "run", 0
    process = launch(tmp_path, *RUN, *PATHS[name])
    for _ in range(KILLS):
        process.wait_for_its_record(run)
        process.sleep(moments.uniform(0, longest))
        if moments.random() < 0.5:
            process.wait_for(lambda: list((run / "checkpoints").glob(".*tmp")))
        kills += process.kill()
        process = launch(tmp_path, "resume", "run")
    process.finish()
    assert kills >= KILLS - 1  # on a machine whose speed has doubled since the reference
    assert record_of(run)["attempts"] == kills + 1
    assert_the_same(run, reference(name))
    assert not list(run.rglob(".*tmp"))


@pytest.mark.parametrize("name", PATHS)
def test_signals_save_and_leave_with_their_code(
    name: str, reference: Reference, launch: Launch, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process = launch(tmp_path, *RUN, *PATHS[name])
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        process.wait_for_its_record(run)
        process.wait_until_it_says("going on from", "epoch 1/")
        said = process.stop(signum)
        record = record_of(run)
        assert record["status"] == "interrupted"
        assert record["reason"] == f"interrupted by {signum.name}"
        assert said.splitlines()[-3].startswith(f"sweepboard: interrupted by {signum.name}")
        process = launch(tmp_path, "resume", "run")
    process.finish()
    assert record_of(run)["attempts"] == 4
    assert_the_same(run, reference(name))
