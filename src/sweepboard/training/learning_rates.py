"""The learning rates of a run by their tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from torch import Tensor
from torch.optim import Optimizer

Rate: TypeAlias = "float | Tensor"


class LearningRates:
    """The learning rates of some optimizers, each with its tag, which follows `train/`.

    `lr` is that of the only optimizer, `lr/<optimizer>` that of one of several. `/<group>` follows for a
    parameter group with a name, or without one but with a learning rate other than that of the first group.
    An optimizer without learning rates has none.
    """

    def __init__(self, optimizers: Mapping[str, Optimizer]) -> None:
        self._places: dict[str, tuple[Optimizer, int]] = {}
        for name, optimizer in optimizers.items():
            prefix = "lr" if len(optimizers) == 1 else f"lr/{name}"
            for index, group in enumerate(optimizer.param_groups):
                if "lr" in group:
                    tag = f"{prefix}{_group_name(optimizer.param_groups, index)}"
                    self._places.setdefault(tag, (optimizer, index))

    def now(self) -> dict[str, Rate]:
        """Return the current learning rates by tag."""
        return {tag: _value(one.param_groups[index]["lr"]) for tag, (one, index) in self._places.items()}


def _group_name(groups: list[dict[str, Any]], index: int) -> str:
    name = groups[index].get("name")
    if name is None and index > 0 and _first_rate(groups[index]) != _first_rate(groups[0]):
        name = index
    return "" if name is None else f"/{name}"


def _first_rate(group: Mapping[str, Any]) -> float:
    return float(group.get("initial_lr", group.get("lr", 0.0)))


def _value(rate: Rate) -> Rate:
    """Return the rate as it is now: a schedule changes a tensor in place."""
    return rate.clone() if isinstance(rate, Tensor) else rate
