"""The dry run of a task that looks into the batch itself: its steps on two real samples."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from sweepboard.compose.assemble import build_model
from sweepboard.compose.dry_run_pairs import MISTAKES
from sweepboard.compose.instantiate import Refused
from sweepboard.compose.locate import TARGET, told
from sweepboard.compose.run_config import RunConfig
from sweepboard.data.types import Batch
from sweepboard.errors import ConfigError, did_you_mean
from sweepboard.training.meter import Meter
from sweepboard.training.metric_objects import fresh_metrics
from sweepboard.training.task import Step, Task, as_step, check_step, makes_updates
from sweepboard.training.tasks import described


def check_task(
    run: RunConfig, task: Task, batch: Batch, optimizers: Sequence[str]
) -> tuple[nn.Module, list[str] | None]:
    """Return the model, and the names of the metrics.

    Without a `batch`, which needs samples that can be read at once, only the model is built. Raise
    `ConfigError` for a step that fails or returns something else than a `Step`.
    """
    model, target = build_model(run), run.values["model"][TARGET]
    if not isinstance(model, nn.Module):
        raise ConfigError(f"model: {target} gave a {type(model).__name__}, not a torch.nn.Module")
    if not any(weight.requires_grad for weight in model.parameters()):
        raise ConfigError(f"model: {target} has no weights to train")
    if batch is None:
        return model, None
    try:
        with fresh_metrics(task):
            _train(task, model.train(), batch, optimizers)
        with fresh_metrics(task):
            return model, _evaluated(task, model.eval(), batch)
    except MISTAKES as error:
        if isinstance(error, ConfigError):
            raise
        raise Refused(
            f"task: {run.values['task'][TARGET]} and {target} fail for a batch of two samples, "
            f"{described(batch)}: {told(error)}"
        ) from error


def _train(task: Task, model: nn.Module, batch: Batch, optimizers: Sequence[str]) -> None:
    if not makes_updates(task):
        _check_loss(task, as_step(task, task.training_step(model, batch), batch))
        return
    for result in task.updates(model, batch):
        name, result = result if isinstance(result, tuple) else (optimizers[0], result)
        if name not in optimizers:
            raise ConfigError(
                f"task: {type(task).__name__}.updates names the optimizer {name}"
                f"{did_you_mean(name, optimizers)}"
            )
        _check_loss(task, as_step(task, result, batch))


def _check_loss(task: Task, step: Step) -> None:
    check_step(task, step)
    if not step.loss.requires_grad:
        raise ConfigError(
            f"task: {type(task).__name__} gives a loss without a gradient, so that nothing could be learned: "
            "compute it from the outputs of the model, without argmax(), round(), item() or detach()"
        )


def _evaluated(task: Task, model: nn.Module, batch: Batch) -> list[str]:
    with torch.enable_grad() if task.evaluation_gradients else torch.no_grad():
        step = as_step(task, task.evaluation_step(model, batch), batch)
        check_step(task, step)
        meter = Meter(task)
        meter.add(step)
        return list(meter.metrics())
