"""Optimizers that evaluate the loss themselves: `step(closure)`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter

import torch
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer

from sweepboard.compat.torch import changes_in_place
from sweepboard.errors import ConfigError
from sweepboard.training.optimizer_patches import is_of_torch


def takes_closure(optimizer: Optimizer) -> bool:
    """Return whether the optimizer gets a closure: LBFGS, and each that is not torch's own and takes one.

    The others of torch evaluate it once, before the update, to which it adds nothing.
    """
    if isinstance(optimizer, LBFGS):
        return True
    return not is_of_torch(optimizer) and _closure_of(optimizer) is not None


def needs_closure(optimizer: Optimizer) -> bool:
    """Return whether the optimizer cannot step without a closure, by its signature."""
    closure = _closure_of(optimizer)
    return isinstance(optimizer, LBFGS) or (closure is not None and closure.default is Parameter.empty)


def _closure_of(optimizer: Optimizer) -> Parameter | None:
    try:
        return inspect.signature(optimizer.step).parameters.get("closure")
    except (TypeError, ValueError):
        return None


class Closure:
    """Forward and backward passes for the steps of one optimizer.

    Every step starts with the gradients at the current weights, which SAM expects. A first evaluation at the
    same weights, as LBFGS makes one, returns the loss that is known from them; every other one computes loss
    and gradients anew.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self._parameters = list(parameters)
        self._sees_changes: bool | None = None

    def step(self, optimizer: Optimizer, loss: Tensor, evaluate: Callable[[], Tensor]) -> None:
        """Make a step from the gradients and the `loss` at the current weights.

        `evaluate` sets the gradients at other weights and returns the loss there.
        """
        before = self._versions()
        copies = self._copies() if self._sees_changes is None else None

        def closure() -> Tensor:
            if self._unchanged(before, copies):
                return loss
            with torch.enable_grad():
                return evaluate()

        optimizer.step(closure)  # type: ignore[arg-type]

    def _versions(self) -> list[tuple[int, int | None, int]]:
        """Return what changes with the weights, and with gradients that are set anew."""
        return [
            (changes_in_place(one), None, 0)
            if one.grad is None
            else (changes_in_place(one), id(one.grad), changes_in_place(one.grad))
            for one in self._parameters
        ]

    def _copies(self) -> list[Tensor]:
        return [one.detach().clone() for one in self._parameters]

    def _unchanged(self, before: list[tuple[int, int | None, int]], copies: list[Tensor] | None) -> bool:
        """Return whether weights and gradients are those of the start of the step.

        A change through `weight.data` leaves no trace: the first step compares the weights themselves, and
        where they tell otherwise, every evaluation is a new one.
        """
        if self._sees_changes is False or self._versions() != before:
            return False
        if copies is not None and self._sees_changes is None:
            self._sees_changes = all(map(torch.equal, self._parameters, copies))
        return bool(self._sees_changes)


def closure_for_steps(
    optimizers: Mapping[str, Optimizer],
    parameters: Sequence[nn.Parameter],
    makes_updates: bool,
    scales: bool,
) -> Closure | None:
    """Return the closure of an only optimizer that takes one. Raise `ConfigError` where it cannot have it.

    `makes_updates` says that the task makes its own updates, `scales` that losses are scaled (fp16).
    """
    for optimizer in filter(needs_closure, optimizers.values()):
        name = type(optimizer).__name__
        if scales:
            told = f"trainer.precision=fp16 does not go with {name}: use bf16 or another optimizer"
            raise ConfigError(told)
        if len(optimizers) > 1 or makes_updates:
            raise ConfigError(
                f"optimizer: {name} evaluates the loss itself, which needs one optimizer only and a task "
                "without updates"
            )
    alone = len(optimizers) == 1 and not makes_updates and not scales
    return Closure(parameters) if alone and takes_closure(next(iter(optimizers.values()))) else None
