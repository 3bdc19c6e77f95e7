"""A run that can go on: the CNN after fifty updates, made anew by the code that is measured."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.baselines.fashion import cache
from benchmarks.commands import SWEEPBOARD
from benchmarks.process import ROOT

UPDATES = 50
FOLDER = cache() / "stopped-run"
SETTINGS = ("dataset=fashion_mnist", "dataset.val_fraction=0", "trainer.limit_test_batches=1")
CLOCK = "+callbacks.clock._target_=benchmarks.clock.Clock"


def make() -> None:
    """Train it, in place of the one before."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    where = (f"hydra.run.dir={FOLDER}", f"trainer.steps={UPDATES}")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [SWEEPBOARD, CLOCK, *SETTINGS, *where],
        check=True,
        env=environment,
        cwd=Path.home(),
        stdout=subprocess.DEVNULL,
    )
