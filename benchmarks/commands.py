"""The commands that are compared, as somebody would type them."""

from __future__ import annotations

import json
import sys
from math import isnan, nan
from pathlib import Path
from statistics import mean

from benchmarks.arms import Arm
from benchmarks.baselines import fashion
from benchmarks.process import Sample

PYTHON = sys.executable
SWEEPBOARD = str(Path(sys.executable).with_name("sweepboard"))
TUTORIAL = str(Path(__file__).parent / "baselines" / "tutorial.py")

FASHION = ("dataset=fashion_mnist", "dataset.val_fraction=0", "trainer.epochs=2")
"""Two epochs of all 60,000 images, none held out, the test set once at the end: the tutorial's work."""

BF16 = "trainer.precision=bf16"
SEED = "seed={round}"
MLP = ("model=mlp", "model.hidden=[64,128,64]", "dataset.batch_size=128")


def sweepboard(name: str, *overrides: str, watch: bool = False) -> Arm:
    """A command of ours; says how long its runs were, how many, and their mean test accuracy."""
    return Arm(name, ((SWEEPBOARD, *overrides),), read=_runs, watch=watch)


def clocked(name: str, *overrides: str) -> Arm:
    """A run of ours with a callback that times the updates."""
    return Arm(name, ((SWEEPBOARD, "+callbacks.clock._target_=benchmarks.clock.Clock", *overrides),))


def module(name: str, program: str, *words: str) -> Arm:
    """A program of this folder."""
    return Arm(name, ((PYTHON, "-m", f"benchmarks.{program}", *words),))


def tutorial(name: str, *rates: str, words: tuple[str, ...] = ()) -> Arm:
    """The tutorial script, once for each learning rate, one after another."""
    shared = ("--root", str(fashion.cache()), "--seed", "{round}", *words)
    return Arm(name, tuple((PYTHON, TUTORIAL, *shared, "--lr", rate) for rate in rates or ("1e-3",)))


def _runs(folder: Path) -> Sample:
    records = [json.loads(path.read_text()) for path in folder.glob("outputs/**/run.json")]
    scores = [record["metrics"].get("test/accuracy", nan) for record in records]
    facts = {"updates": mean(record["step"] for record in records), "runs": float(len(records))}
    return facts if isnan(mean(scores)) else facts | {"accuracy": mean(scores)}
