"""A class made from a task of ours that has steps of its own, but not the measurements of that task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command import TINY, Command, only_run, record_of
from tests.preparing import Mistake

TASKS = """
import torch.nn.functional as F
from sweepboard.tasks import Classification

class Updates(Classification):
    def updates(self, model, batch):
        yield F.cross_entropy(model(batch[0]), batch[1])

class OneStep(Classification):
    def training_step(self, model, batch):
        return F.cross_entropy(model(batch[0]), batch[1])

class Hits(Updates):
    def metrics(self, sums):
        return {"hits": float(sums["hits"] / sums["count"])}

class HitsInOneStep(OneStep):
    metrics = Hits.metrics
"""


def test_what_steps_do_not_count_is_not_a_metric(
    command: Command, module: Callable[[str, str], None]
) -> None:
    module("own", TASKS)
    command("dataset=gaussian", *TINY, "dataset.val_fraction=0.2", "task._target_=own.Updates")
    metrics = record_of(only_run(Path("outputs")))["metrics"]
    assert "val/accuracy" in metrics
    assert "train/accuracy" not in metrics


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("Hits", "Hits.metrics asks for the sum hits, and the sums that its steps give are: correct;"),
        (
            "HitsInOneStep",
            "HitsInOneStep.metrics asks for the sum hits, and the sums that its steps give are: none",
        ),
        ("OneStep", "the primary_metric of OneStep is accuracy, but its steps measure loss only"),
    ],
)
def test_metrics_without_their_sums_are_told_before_the_run(
    task: str, told: str, mistake: Mistake, module: Callable[[str, str], None]
) -> None:
    module("own", TASKS)
    assert told in mistake(
        "dataset=gaussian", "model=linear", "dataset.val_fraction=0.2", f"task._target_=own.{task}"
    )
