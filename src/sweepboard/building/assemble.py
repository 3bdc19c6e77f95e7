"""Build the model, task, optimizers and schedules of a configuration."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

from sweepboard.building.instantiate import construct
from sweepboard.building.optimizers import build_optimizers
from sweepboard.building.schedules import build_schedules
from sweepboard.compat.keras import begin_names, follow_training_mode
from sweepboard.compose.locate import TARGET
from sweepboard.compose.run_config import RunConfig
from sweepboard.data.types import DataSpec
from sweepboard.errors import ConfigError
from sweepboard.training.initial_weights import load_initial_weights
from sweepboard.training.schedules import Schedules
from sweepboard.training.task import Task
from sweepboard.training.tasks import as_task


@dataclass(frozen=True)
class Parts:
    """The objects built from a configuration for training."""

    model: nn.Module
    task: Task
    optimizers: dict[str, Optimizer]
    schedules: Schedules


def assemble(
    config: RunConfig,
    spec: DataSpec | None,
    device: torch.device,
    model: nn.Module | None = None,
    anew: bool = True,
) -> Parts:
    """Build every part, with the model on `device`; a `model` that was built already is used.

    A run that begins `anew` gets its initial weights. The order of construction is fixed, because the parts
    draw from the same random generators.
    """
    model = build_model(config) if model is None else model
    if anew:
        load_initial_weights(model, config.settings.weights)
    if config.ranks > 1 and config.settings.trainer.sync_batch_norm:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
    model.to(device)
    optimizers = build_optimizers(config.values["optimizer"], model)
    task = build_task(config, spec)
    return Parts(model, task, optimizers, build_schedules(config.values["scheduler"], optimizers))


def build_model(config: RunConfig) -> nn.Module:
    """Build the model on torch's default device. Raise `ConfigError` for anything else than a module."""
    begin_names()
    model = construct(config.values["model"], "model")
    if not isinstance(model, nn.Module):
        target = config.values["model"][TARGET]
        raise ConfigError(f"model: {target} gave a {type(model).__name__}, not a torch.nn.Module")
    follow_training_mode(model)
    return model


def build_task(config: RunConfig, spec: DataSpec | None) -> Task:
    """Build the task for data described by `spec`."""
    return as_task(construct(config.values["task"], "task"), spec)
