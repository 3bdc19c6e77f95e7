"""The sums that a task computes its metrics from."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from sweepboard.errors import ConfigError
from sweepboard.training.task import Task


class Sums(dict[str, Tensor]):
    """Sums over samples by their names. Raise ConfigError if the task asks for one that no step gave."""

    def __init__(self, task: Task, sums: Mapping[str, Tensor]) -> None:
        super().__init__(sums)
        self._task = task

    def __missing__(self, name: str) -> Tensor:
        given = ", ".join(self.keys() - {"count"}) or "none"
        raise ConfigError(
            f"task: {type(self._task).__name__}.metrics asks for the sum {name}, and the sums that its steps "
            f"give are: {given}; return it in Step(sums=...), or override metrics"
        )
