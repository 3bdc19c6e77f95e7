"""Loss and metrics over many batches, fetched from the device only on request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import Any, TypeAlias

import torch
from torch import Tensor

from sweepboard.training import metric_objects
from sweepboard.training.distributed import ALONE, Ranks
from sweepboard.training.metric_ranks import put_together, take_part
from sweepboard.training.sums import Sums
from sweepboard.training.task import Step, Task, refuse_own_names

Row: TypeAlias = dict[str, "Tensor | float"]
"""What one batch contributes, by column: `loss`, `count`, `value/<name>`, `sum/<name>`.

And `weight`, where the loss is a mean over something else than the samples.
"""

_VALUE, _SUM = "value/", "sum/"


class Meter:
    """Sums the measurements of a task. `add` only keeps references; only `fetch` waits for the device.

    The numbers of each batch are kept until `clear` and summed at once in float64. So a sum does not depend
    on when it was fetched, and a run that was saved and resumed in between reports the same bits.
    """

    def __init__(self, task: Task, ranks: Ranks = ALONE) -> None:
        self.task, self._ranks = task, ranks
        self._pending: list[Row] = []
        self._fetched: list[dict[str, Tensor]] = []
        self._gathered: list[dict[str, Tensor]] = []  # of all ranks
        self._parts: list[Any] = []  # states of metric objects

    def add(self, step: Step) -> None:
        """Add what was measured on one batch; `samples` and `weight` are set."""
        row: Row = {"count": step.samples}  # type: ignore[dict-item]
        if step.weight is not step.samples:
            row["weight"] = step.weight  # type: ignore[assignment]
        if step.loss is not None:
            row["loss"] = step.loss.detach()
        for name, value in step.values.items():
            row[_VALUE + name] = _without_gradient(value)
        for name, value in step.sums.items():
            row[_SUM + name] = _without_gradient(value)
        self._pending.append(row)

    def end_batch(self) -> None:
        """With ranks, keep what metric objects have measured on this batch, so that its order is known."""
        if self._ranks.together:
            self._parts.append(take_part(self.task))

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
        """The number of fetched samples; with ranks, of all as `metrics` found them."""
        return int(sum(float(chunk["count"].sum()) for chunk in self._gathered or self._fetched))

    @property
    def is_empty(self) -> bool:
        """Whether nothing was fetched since `clear`; the same on all ranks."""
        return not self._fetched

    def metrics(self) -> dict[str, float]:
        """Return the mean loss over samples and the metrics of the task; empty if there was no batch."""
        self.fetch()
        table = _Table(self._of_all_ranks() if self._ranks.together else self._fetched)
        if not table.chunks:
            return {}
        names = dict.fromkeys(name for chunk in table.chunks for name in chunk)
        sums = {name.removeprefix(_SUM): table.sum(name) for name in names if name.startswith(_SUM)}
        found = self.task.metrics(Sums(self.task, {**sums, "count": table.sum("count")}))
        means = {
            name.removeprefix(_VALUE): table.mean(name, "count") for name in names if name.startswith(_VALUE)
        }
        computed = metric_objects.computed(self.task)
        refuse_own_names(self.task, "metric", {**found, **computed})
        loss = {"loss": table.mean("loss", "weight")} if "loss" in names else {}
        return {**loss, **{name: float(value) for name, value in found.items()}, **means, **computed}

    def _of_all_ranks(self) -> list[dict[str, Tensor]]:
        """Return the measurements of all ranks, and give their states to the metric objects."""
        self.end_batch()
        gathered = self._ranks.gather([self.state_dict(), self._parts])
        put_together(self.task, [parts for _, parts in gathered])
        self._gathered = _merged([state for state, _ in gathered])
        return self._gathered

    def clear(self) -> None:
        """Drop all measurements, those of metric objects too."""
        self._pending.clear()
        self._fetched.clear()
        self._gathered.clear()
        self._parts.clear()
        metric_objects.reset(self.task)

    def state_dict(self) -> list[dict[str, Tensor]]:
        """Return all measurements since `clear`: float64 columns with one row per batch."""
        self.fetch()
        return list(_joined(self._fetched))

    def load_state_dict(self, state: Sequence[Mapping[str, Tensor]]) -> None:
        """Load what `state_dict()` returned."""
        self._pending.clear()
        self._fetched = [dict(chunk) for chunk in state]


@dataclass(frozen=True)
class _Table:
    """Measurements in the order of their batches."""

    chunks: Sequence[Mapping[str, Tensor]]

    def sum(self, name: str) -> Tensor:
        return torch.cat([chunk[name] for chunk in self.chunks if name in chunk]).sum(0)

    def mean(self, name: str, weight: str) -> float:
        """Return the mean of a column over the batches that have it; a batch of weight 0 does not count.

        Batches without the column `weight` are weighted by their samples.
        """
        chunks = [chunk for chunk in self.chunks if name in chunk]
        values = torch.cat([chunk[name] for chunk in chunks])
        weights = torch.cat([chunk[weight if weight in chunk else "count"] for chunk in chunks])
        return float((values * weights).where(weights != 0, 0.0).sum() / weights.sum())


def _merged(states: Sequence[Sequence[Mapping[str, Tensor]]]) -> list[dict[str, Tensor]]:
    """Return the measurements of all ranks: the first row of each, in their order, then the second ones.

    So those of batches that went around the ranks are in the order of the batches.
    """
    ranks = [[row for chunk in state for row in _rows(chunk)] for state in states]
    turns = zip_longest(*ranks)
    return list(_joined([row for turn in turns for row in turn if row is not None]))


def _rows(chunk: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    parts = zip(*(torch.split(column, 1) for column in chunk.values()), strict=True)
    return (dict(zip(chunk, row, strict=True)) for row in parts)


def _joined(chunks: Sequence[dict[str, Tensor]]) -> Iterator[dict[str, Tensor]]:
    """Yield the chunks, with neighbours of the same columns joined."""
    for _, group in groupby(chunks, key=list):
        same = list(group)
        yield {name: torch.cat([chunk[name] for chunk in same]) for name in same[0]}


def _without_gradient(value: Tensor | float) -> Tensor | float:
    return value.detach() if isinstance(value, Tensor) and value.requires_grad else value


def _column(values: Sequence[Tensor | float]) -> Tensor:
    """Return one float64 row per batch, on the CPU."""
    if not any(isinstance(value, Tensor) for value in values):
        return torch.tensor(values, dtype=torch.float64)
    return torch.stack([torch.as_tensor(value) for value in values]).cpu().double()
