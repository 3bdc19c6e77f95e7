"""The arguments with which a task calls the model, for tools that trace a model with an example."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn

from sweepboard.data.types import Batch
from sweepboard.training.metric_objects import fresh_metrics
from sweepboard.training.task import Task


class ModelCall(NamedTuple):
    """The positional and named arguments of a call."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class _Called(Exception):
    """Ends a step at the first call of the model."""


def model_call(task: Task, model: nn.Module, batch: Batch) -> ModelCall | None:
    """Return the first call of `model` in an evaluation step of `task`; None if it is not called."""
    found: list[ModelCall] = []

    def record(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        found.append(ModelCall(args, kwargs))
        raise _Called

    handle = model.register_forward_pre_hook(record, with_kwargs=True)
    try:
        with torch.no_grad(), fresh_metrics(task):
            task.evaluation_step(model, batch)
    except _Called:
        pass
    finally:
        handle.remove()
    return found[0] if found else None
