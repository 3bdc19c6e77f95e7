"""Runs on random parts of pictures: stopped in an epoch, resumed by other workers, the same bits."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.command import Command
from tests.data.test_jpeg import photograph
from tests.runs.process import assert_the_same
from tests.runs.sabotage import ACCIDENTS, SABOTAGED

RUN = Path("run")
WORDS = [
    "dataset=image_folder", "dataset.root=photos", "dataset.image_size=16", "dataset.batch_size=4",
    "dataset.augment=resized_crop_flip", "model=linear", "threads=1", "trainer.epochs=3",
    "logging.every_steps=2", "logging.images=0", *SABOTAGED,
]  # fmt: skip


def stopped() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_run_stopped_in_an_epoch_is_resumed_to_the_bit(in_memory: bool, command: Command) -> None:
    for number in range(30):
        path = Path("photos") / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        photograph(40 + number, 60).save(path)
    command(*WORDS, "dataset.workers=2", "hydra.run.dir=reference")
    ACCIDENTS[9] = stopped
    words = [*WORDS, "dataset.workers=1", f"dataset.in_memory={in_memory}", f"hydra.run.dir={RUN}"]
    assert "interrupted by SIGTERM" in command(*words, code=128 + signal.SIGTERM).err
    ACCIDENTS.clear()
    command("resume", str(RUN), "dataset.workers=0")
    assert_the_same(RUN, Path("reference"))
    assert "identical" in command("verify", str(RUN)).out
