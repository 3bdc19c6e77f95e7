"""Metrics of torchmetrics that a task holds: one copy per split.

torchmetrics is not imported: an object with `update`, `compute` and `reset` is such a metric.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from sweepboard.errors import ConfigError
from sweepboard.training.task import Mode, Task


def metric_objects(task: Task) -> dict[str, Any]:
    """Return the attributes of `task` that are metrics or containers of metrics, by name."""
    own = {**vars(task), **(vars(task).get("_modules") or {})}
    return {name: value for name, value in own.items() if any(metrics_in(name, value))}


@contextmanager
def fresh_metrics(task: Task) -> Iterator[None]:
    """Replace the metric objects of `task` by reset copies during the block."""
    own = metric_objects(task)
    try:
        for name, value in own.items():
            fresh = copy.deepcopy(value)
            for _, metric in metrics_in(name, fresh):
                metric.reset()
            setattr(task, name, fresh)
        yield
    finally:
        for name, value in own.items():
            setattr(task, name, value)


def computed(task: Task) -> dict[str, float]:
    """Return the values of the metric objects that were updated. Raise ConfigError for several numbers."""
    found: dict[str, float] = {}
    for attribute, value in metric_objects(task).items():
        for name, metric in metrics_in(attribute, value):
            if _was_updated(metric):
                found |= _numbers(task, name, metric.compute())
    return found


def mode_of(task: Task, metric: str) -> Mode:
    """Return whether a smaller or larger value is better, by the task, the metric object, or the name."""
    if metric in task.modes or type(task).mode is not Task.mode:
        return task.mode(metric)
    larger = _larger_is_better(task).get(metric)
    return task.mode(metric) if larger is None else "max" if larger else "min"


def _larger_is_better(task: Task) -> dict[str, bool | None]:
    """Return what each metric object says of itself, by the name of its value."""
    found: dict[str, bool | None] = {}
    for attribute, value in metric_objects(task).items():
        for name, metric in metrics_in(attribute, value):
            for part, object_ in (
                metric.items() if callable(getattr(metric, "items", None)) else [(name, metric)]
            ):
                found[part] = getattr(object_, "higher_is_better", None)
    return found


def reset(task: Task) -> None:
    """Reset every metric object."""
    for name, value in metric_objects(task).items():
        for _, metric in metrics_in(name, value):
            metric.reset()


def metrics_in(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the metrics in an attribute and their names; a container names its metrics."""
    if all(callable(getattr(value, method, None)) for method in ("update", "compute", "reset")):
        yield name, value
    elif isinstance(value, Mapping) or type(value).__name__ == "ModuleDict":
        for key, inner in value.items():
            yield from metrics_in(str(key), inner)
    elif isinstance(value, list | tuple) or type(value).__name__ == "ModuleList":
        for number, inner in enumerate(value):
            yield from metrics_in(f"{name}_{number}", inner)


def _was_updated(metric: Any) -> bool:
    parts = metric.values() if callable(getattr(metric, "values", None)) else [metric]
    return any(getattr(part, "update_called", True) for part in parts)


def _numbers(task: Task, name: str, value: Any) -> dict[str, float]:
    if isinstance(value, Mapping):
        return {key: number for each in value for key, number in _numbers(task, each, value[each]).items()}
    if isinstance(value, Tensor) and value.numel() != 1:
        raise ConfigError(
            f"task: {name} of {type(task).__name__} gives {value.numel()} numbers: let it give their mean "
            '(average="macro")'
        )
    return {name: float(value)}
