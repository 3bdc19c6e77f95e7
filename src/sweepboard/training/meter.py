"""Loss and metrics over many batches, fetched from the device only on request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TypeAlias

import torch
from torch import Tensor

from sweepboard.training import metric_objects
from sweepboard.training.task import Step, Task, refuse_own_names

Row: TypeAlias = dict[str, "Tensor | float"]
"""What one batch contributes, by column: `loss`, `weight`, `count`, `value/<name>`, `sum/<name>`."""

_VALUE, _SUM = "value/", "sum/"


class Meter:
    """Sums the measurements of a task. `add` only keeps references; only `fetch` waits for the device.

    The numbers of each batch are kept until `clear` and summed at once in float64. So a sum does not depend
    on when it was fetched, and a run that was saved and resumed in between reports the same bits.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self._pending: list[Row] = []
        self._fetched: list[dict[str, Tensor]] = []

    def add(self, step: Step) -> None:
        """Add what was measured on one batch; `samples` and `weight` are set."""
        row: Row = {"weight": step.weight, "count": step.samples}  # type: ignore[dict-item]
        if step.loss is not None:
            row["loss"] = step.loss.detach()
        for name, value in step.values.items():
            row[_VALUE + name] = value.detach() if isinstance(value, Tensor) else value
        for name, value in step.sums.items():
            row[_SUM + name] = value.detach() if isinstance(value, Tensor) else value
        self._pending.append(row)

    def fetch(self) -> Tensor:
        """Move pending measurements to the CPU; return their losses, one per batch."""
        losses = [torch.empty(0, dtype=torch.float64)]
        for _, group in groupby(
            self._pending, key=list
        ):  # a batch may measure other values than the last one
            rows = list(group)
            columns = {name: _column([row[name] for row in rows]) for name in rows[0]}
            self._fetched.append(columns)
            if "loss" in columns:
                losses.append(columns["loss"])
        self._pending.clear()
        return torch.cat(losses)

    @property
    def samples(self) -> int:
        """The number of fetched samples."""
        return int(sum(float(chunk["count"].sum()) for chunk in self._fetched))

    def metrics(self) -> dict[str, float]:
        """Return the mean loss over samples and the metrics of the task; empty if there was no batch."""
        self.fetch()
        if not self._fetched:
            return {}
        names = dict.fromkeys(name for chunk in self._fetched for name in chunk)
        sums = {name.removeprefix(_SUM): self._sum(name) for name in names if name.startswith(_SUM)}
        found = self.task.metrics({**sums, "count": self._sum("count")})
        means = {
            name.removeprefix(_VALUE): self._mean(name, "count") for name in names if name.startswith(_VALUE)
        }
        computed = metric_objects.computed(self.task)
        refuse_own_names(self.task, "metric", {**found, **computed})
        loss = {"loss": self._mean("loss", "weight")} if "loss" in names else {}
        return {**loss, **{name: float(value) for name, value in found.items()}, **means, **computed}

    def _sum(self, name: str) -> Tensor:
        return torch.cat([chunk[name] for chunk in self._fetched if name in chunk]).sum(0)

    def _mean(self, name: str, weight: str) -> float:
        """Return the mean of a column over the batches that have it; a batch of weight 0 does not count."""
        chunks = [chunk for chunk in self._fetched if name in chunk]
        values, weights = (torch.cat([chunk[column] for chunk in chunks]) for column in (name, weight))
        return float((values * weights).where(weights != 0, 0.0).sum() / weights.sum())

    def clear(self) -> None:
        """Drop all measurements, those of metric objects too."""
        self._pending.clear()
        self._fetched.clear()
        metric_objects.reset(self.task)

    def state_dict(self) -> list[dict[str, Tensor]]:
        """Return all measurements since `clear`: float64 columns with one row per batch."""
        self.fetch()
        return list(_joined(self._fetched))

    def load_state_dict(self, state: Sequence[Mapping[str, Tensor]]) -> None:
        """Load what `state_dict()` returned."""
        self._pending.clear()
        self._fetched = [dict(chunk) for chunk in state]


def _joined(chunks: Sequence[dict[str, Tensor]]) -> Iterator[dict[str, Tensor]]:
    """Yield the chunks, with neighbours of the same columns joined."""
    for _, group in groupby(chunks, key=list):
        same = list(group)
        yield {name: torch.cat([chunk[name] for chunk in same]) for name in same[0]}


def _column(values: Sequence[Tensor | float]) -> Tensor:
    """Return one float64 row per batch, on the CPU."""
    if not any(isinstance(value, Tensor) for value in values):
        return torch.tensor(values, dtype=torch.float64)
    return torch.stack([torch.as_tensor(value) for value in values]).cpu().double()
