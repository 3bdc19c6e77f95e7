"""Loss and metrics over many batches, fetched from the device only on request."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sweepboard.training.tasks import Task


class Meter:
    """Sums the statistics of a task. `add` only keeps references; only `fetch` waits for the device.

    The numbers of each batch are kept until `clear` and summed at once in float64. So a sum does not depend
    on when it was fetched, and a run that was saved and resumed in between reports the same bits.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self._pending: list[tuple[Tensor, int, dict[str, Tensor]]] = []
        self._fetched: list[dict[str, Tensor]] = []

    def add(self, loss: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """Add one batch: its mean loss and its outputs, both detached, and its targets."""
        self._pending.append((loss, targets.shape[0], self.task.statistics(outputs, targets)))

    def fetch(self) -> Tensor:
        """Move pending statistics to the CPU; return their losses, one per batch."""
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
        """The number of fetched samples."""
        return int(sum(float(chunk["count"].sum()) for chunk in self._fetched))

    def metrics(self) -> dict[str, float]:
        """Return the mean loss over samples and the metrics of the task; empty if there was no batch."""
        self.fetch()
        if not self._fetched:
            return {}
        columns = self.state_dict()
        sums = {name: column.sum(0) for name, column in columns.items() if name != "loss"}
        loss = float((columns["loss"] * columns["count"]).sum() / sums["count"])
        return {"loss": loss, **{name: float(value) for name, value in self.task.metrics(sums).items()}}

    def clear(self) -> None:
        """Drop all statistics."""
        self._pending.clear()
        self._fetched.clear()

    def state_dict(self) -> dict[str, Tensor]:
        """Return all statistics since `clear`: one float64 tensor each, with one row per batch."""
        self.fetch()
        names = self._fetched[0] if self._fetched else ()
        return {name: torch.cat([chunk[name] for chunk in self._fetched]) for name in names}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Load what `state_dict()` returned."""
        self.clear()
        if state:
            self._fetched.append(dict(state))


def _column(values: tuple[Tensor, ...] | list[Tensor]) -> Tensor:
    """Return one row per batch, on the CPU."""
    return torch.stack(list(values)).cpu().double()
