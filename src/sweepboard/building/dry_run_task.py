"""The dry run of a task that looks into the batch itself: its steps on two real samples."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from sweepboard.building.dry_run_pairs import MISTAKES
from sweepboard.building.instantiate import Refused
from sweepboard.building.trial_model import InitialModel, device_of, try_model
from sweepboard.compose.locate import TARGET, told
from sweepboard.compose.run_config import RunConfig
from sweepboard.data.tree import to_device
from sweepboard.data.types import Batch
from sweepboard.errors import ConfigError, UserError, did_you_mean
from sweepboard.training.meter import Meter
from sweepboard.training.metric_objects import fresh_metrics
from sweepboard.training.task import Step, Task, as_step, check_step, makes_updates, training_loss
from sweepboard.training.tasks import described


def check_task(
    run: RunConfig,
    task: Task,
    batch: Batch,
    trained: Batch,
    initial: InitialModel | None,
    optimizers: Sequence[str],
) -> tuple[nn.Module, list[str] | None]:
    """Return the model, and the names of the metrics. A training step is given the batch `trained`.

    Without a `batch`, which needs samples that can be read at once, the model is built and not run. Raise
    `ConfigError` for a step that fails or returns something else than a `Step`.
    """

    def tried(model: nn.Module) -> tuple[nn.Module, list[str] | None]:
        if not any(weight.requires_grad for weight in model.parameters()):
            raise ConfigError(f"model: {run.values['model'][TARGET]} has no weights to train")
        return model, None if batch is None else _steps(run, task, model, batch, trained, optimizers)

    return try_model(run, initial, tried)


def _steps(
    run: RunConfig, task: Task, model: nn.Module, batch: Batch, trained: Batch, optimizers: Sequence[str]
) -> list[str]:
    """Make a training and an evaluation step; return the names of the metrics."""
    batch, trained = (to_device(each, device_of(model)) for each in (batch, trained))
    try:
        with fresh_metrics(task):
            _train(task, model.train(), trained, optimizers)
        with fresh_metrics(task):
            return _evaluated(task, model.eval(), batch)
    except (*MISTAKES, LookupError, AttributeError) as error:
        if isinstance(error, UserError):
            raise
        raise Refused(
            f"task: {run.values['task'][TARGET]} and {run.values['model'][TARGET]} fail for a batch of two "
            f"samples, {described(batch)}: {told(error)}"
        ) from error


def _train(task: Task, model: nn.Module, batch: Batch, optimizers: Sequence[str]) -> None:
    if not makes_updates(task):
        step = as_step(task, task.training_step(model, batch), batch)
        _check_loss(task, step)
        _metrics(task, step)
        return
    for result in task.updates(model, batch):
        if not isinstance(result, tuple) and len(optimizers) > 1:
            raise ConfigError(
                f"task: {type(task).__name__}.updates must yield (name, loss), with the name of one of the "
                f"optimizers {', '.join(optimizers)}"
            )
        name, result = result if isinstance(result, tuple) else (optimizers[0], result)
        if name not in optimizers:
            raise ConfigError(
                f"task: {type(task).__name__}.updates names the optimizer {name}"
                f"{did_you_mean(name, optimizers)}"
            )
        _check_loss(task, as_step(task, result, batch))


def _check_loss(task: Task, step: Step) -> None:
    check_step(task, step)
    if not training_loss(step).requires_grad:
        raise ConfigError(
            f"task: {type(task).__name__} gives a loss without a gradient, so that nothing could be learned: "
            "compute it from the outputs of the model, without argmax(), round(), item() or detach()"
        )


def _evaluated(task: Task, model: nn.Module, batch: Batch) -> list[str]:
    with torch.enable_grad() if task.evaluation_gradients else torch.no_grad():
        step = as_step(task, task.evaluation_step(model, batch), batch)
        check_step(task, step)
        return _metrics(task, step)


def _metrics(task: Task, step: Step) -> list[str]:
    """Return the names of the metrics of a step."""
    meter = Meter(task)
    meter.add(step)
    return list(meter.metrics())
