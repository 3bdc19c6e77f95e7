"""Loss and metrics over many batches, fetched from the device only when asked for."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sweepboard.training.tasks import Task


class Meter:
    """Adds up what a task measures. `add` only keeps references; `fetch` is the one wait for the device.

    Every batch keeps its own numbers until `clear`, and they are added up in one go in float64. So a sum does
    not depend on when it was fetched, and a run that was saved and resumed in between reports the same bits.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self._pending: list[tuple[Tensor, int, dict[str, Tensor]]] = []
        self._fetched: list[dict[str, Tensor]] = []

    def add(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """One batch: its mean loss and its outputs, both detached, and its targets."""
        self._pending.append((loss, targets.shape[0], self.task.statistics(outputs, targets)))

    def fetch(self) -> Tensor:
        """Bring what is still on the device to the CPU; returns the losses that were, one per batch."""
        if not self._pending:
            return torch.empty(0, dtype=torch.float64)
        losses, counts, statistics = zip(*self._pending, strict=True)
        columns = {name: _column([each[name] for each in statistics]) for name in statistics[0]}
        loss = _column(losses)
        self._fetched.append({"loss": loss, "count": torch.tensor(counts, dtype=torch.float64), **columns})
        self._pending.clear()
        return loss

    @property
    def samples(self) -> int:
        """Samples among what was fetched."""
        return int(sum(float(chunk["count"].sum()) for chunk in self._fetched))

    def metrics(self) -> dict[str, float]:
        """`loss`, its mean over samples, and the task's metrics; empty if there was no batch."""
        self.fetch()
        if not self._fetched:
            return {}
        columns = self.state_dict()
        sums = {name: column.sum(0) for name, column in columns.items() if name != "loss"}
        loss = float((columns["loss"] * columns["count"]).sum() / sums["count"])
        return {"loss": loss, **{name: float(value) for name, value in self.task.metrics(sums).items()}}

    def clear(self) -> None:
        """Begin anew."""
        self._pending.clear()
        self._fetched.clear()

    def state_dict(self) -> dict[str, Tensor]:
        """Everything measured since `clear`: per statistic a float64 tensor with one row per batch."""
        self.fetch()
        names = self._fetched[0] if self._fetched else ()
        return {name: torch.cat([chunk[name] for chunk in self._fetched]) for name in names}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state_dict()` held."""
        self.clear()
        if state:
            self._fetched.append(dict(state))


def _column(values: tuple[Tensor, ...] | list[Tensor]) -> Tensor:
    """One row per batch, on the CPU."""
    return torch.stack(list(values)).cpu().double()
