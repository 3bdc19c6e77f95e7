"""Build the model, task, optimizer and scheduler of a configuration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from sweepboard.compose.instantiate import arguments, construct
from sweepboard.compose.locate import TARGET
from sweepboard.compose.run_config import RunConfig
from sweepboard.data.types import DataSpec
from sweepboard.training.task import Task
from sweepboard.training.tasks import as_task


@dataclass(frozen=True)
class Parts:
    """The objects built from a configuration for training."""

    model: nn.Module
    task: Task
    optimizer: Optimizer
    scheduler: LRScheduler | None


def assemble(config: RunConfig, spec: DataSpec | None, device: torch.device) -> Parts:
    """Build every part, with the model on `device`.

    The order of construction is fixed, because the parts draw from the same random generators.
    """
    model = build_model(config).to(device)
    optimizer = build_optimizer(config, model.parameters())
    task = build_task(config, spec)
    return Parts(model, task, optimizer, build_scheduler(config, optimizer))


def build_model(config: RunConfig) -> nn.Module:
    """Build the model on torch's default device."""
    model: nn.Module = construct(config.values["model"], "model")
    return model


def build_task(config: RunConfig, spec: DataSpec | None) -> Task:
    """Build the task for data described by `spec`."""
    return as_task(construct(config.values["task"], "task"), spec)


def build_optimizer(config: RunConfig, parameters: Iterable[nn.Parameter]) -> Optimizer:
    """Build the optimizer for `parameters`."""
    optimizer: Optimizer = construct(arguments(config.values, "optimizer"), "optimizer", parameters)
    return optimizer


def build_scheduler(config: RunConfig, optimizer: Optimizer) -> LRScheduler | None:
    """Build the learning rate scheduler, or return None if the group has no `_target_`."""
    node = arguments(config.values, "scheduler")
    return construct(node, "scheduler", optimizer) if TARGET in node else None
