"""Measure a model on a split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn

from sweepboard.data.dealing import Surplus
from sweepboard.data.types import Batch
from sweepboard.training.learner import Learner
from sweepboard.training.meter import Meter
from sweepboard.training.metric_objects import fresh_metrics
from sweepboard.training.seeding import random_states_kept


class FinalTest(NamedTuple):
    """The metrics on the test set of the last weights and of the best ones; empty if not measured."""

    last: dict[str, float]
    best: dict[str, float]


NO_TEST = FinalTest({}, {})


def evaluate(learner: Learner, batches: Iterable[Batch | Surplus | None]) -> dict[str, float]:
    """Return loss and metrics of the learner's model over `batches`, in the precision of the run.

    For a split: `evaluate(learner, data.test.epoch(0))`, and with ranks what `data.dealing.rounds` yields.
    Module modes, random states and the metric objects of the task are restored, so that training is not
    affected.
    """
    task = learner.task
    # Weights that were gathered in inference mode could not be trained.
    without = torch.no_grad() if learner.sharded else torch.inference_mode()
    gradients = torch.enable_grad() if task.evaluation_gradients else without
    evaluation = evaluating(learner.model, *learner.task_modules)
    with random_states_kept(), evaluation, fresh_metrics(task), gradients:
        meter = Meter(task, learner.ranks)
        for batch in batches:
            if isinstance(batch, Surplus):
                with fresh_metrics(task):
                    learner.evaluation_step(batch.batch)
            elif batch is not None:
                meter.add(learner.evaluation_step(batch))
            meter.end_batch()
        return meter.metrics()


@contextmanager
def evaluating(*models: nn.Module) -> Iterator[None]:
    """Put models into evaluation mode during the block, then restore the mode of each module."""
    training = [module for model in models for module in model.modules() if module.training]
    for model in models:
        model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
