"""Put the states of metric objects together that were measured in parts, by ranks or batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, TypeAlias

from torch import Tensor

from sweepboard.compat.torchmetrics import measures_alone, set_updates, updates_of
from sweepboard.errors import ConfigError
from sweepboard.training.metric_objects import metric_objects, metrics_in
from sweepboard.training.task import Task

Part: TypeAlias = "list[tuple[int, dict[str, Any]]]"
"""Of each metric of a task, the number of its updates and its state."""


def check_metrics(task: Task) -> None:
    """Raise `ConfigError` for a metric whose parts cannot be put together."""
    for name, metric in _metrics(task):
        inner = list(getattr(metric, "children", list)())
        fits = callable(getattr(metric, "merge_state", None)) and not getattr(
            metric, "full_state_update", True
        )
        if not fits or any(callable(getattr(one, "compute", None)) for one in inner):
            raise ConfigError(
                f"trainer.devices: the metric {name} of {type(task).__name__} ({type(metric).__name__}) "
                "cannot be put together from several processes (merge_state): use trainer.devices=1"
            )


def keep_alone(task: Task) -> None:
    """Keep the metrics from asking other ranks by themselves: one rank alone may compute them."""
    for _, metric in _metrics(task):
        measures_alone(metric)


def take_part(task: Task) -> Part:
    """Return what was measured since the last call, and reset the metrics."""
    part = []
    for _, metric in _metrics(task):
        state = {name: _copied(value) for name, value in metric.metric_state.items()}
        part.append((updates_of(metric), state))
        metric.reset()
    return part


def put_together(task: Task, ranks: Sequence[Sequence[Part]]) -> None:
    """Give the metrics the states of all parts: the first of each rank, in their order, then the second ones.

    Parts that are batches so have the order that they have in one process, and sums the same bits.
    """
    parts = [part for turn in zip_longest(*ranks) for part in turn if part is not None]
    for place, (_, metric) in enumerate(_metrics(task)):
        updates, whole = 0, None
        for count, state in (part[place] for part in parts):
            if not count:
                continue
            updates += count
            metric.reset()
            for name, value in state.items():
                setattr(metric, name, _on(getattr(metric, "device", "cpu"), value))
            set_updates(metric, updates)
            if whole is not None:
                metric.merge_state(whole)
            whole = {name: _copied(value) for name, value in metric.metric_state.items()}


def _metrics(task: Task) -> Iterator[tuple[str, Any]]:
    for attribute, value in metric_objects(task).items():
        for name, metric in metrics_in(attribute, value):
            parts = getattr(metric, "items", None)
            yield from parts() if callable(parts) else [(name, metric)]


def _copied(value: Any) -> Any:
    return list(value) if isinstance(value, list) else value


def _on(device: Any, value: Any) -> Any:
    """Return a state that a rank sent, which arrives on the CPU, on the device of its metric."""
    if isinstance(value, list):
        return [_on(device, each) for each in value]
    return value.to(device) if isinstance(value, Tensor) else value
