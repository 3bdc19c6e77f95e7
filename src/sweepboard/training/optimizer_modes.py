"""Optimizers that train other weights than they evaluate (schedule-free): `train()` and `eval()`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch.optim import Optimizer


def has_modes(optimizer: Optimizer) -> bool:
    """Return whether the optimizer has `train()` and `eval()`."""
    return all(callable(getattr(optimizer, name, None)) for name in ("train", "eval"))


def begin_training(optimizers: Iterable[Optimizer]) -> None:
    """Call `train()` of the optimizers that have it, as they ask for before the first update."""
    for optimizer in filter(has_modes, optimizers):
        optimizer.train()  # type: ignore[attr-defined]


@contextmanager
def evaluation_weights(optimizers: Iterable[Optimizer]) -> Iterator[None]:
    """Call `eval()` of the optimizers that have it for the block; afterwards the weights are as before.

    They are kept and put back, because `train()` undoes `eval()` only up to rounding: an evaluation would
    change what follows, and a resumed run would not repeat it.
    """
    switching = list(filter(has_modes, optimizers))
    weights = [one for each in switching for group in each.param_groups for one in group["params"]]
    kept = [one.detach().clone() for one in weights]
    for optimizer in switching:
        optimizer.eval()  # type: ignore[attr-defined]
    try:
        yield
    finally:
        begin_training(switching)
        with torch.no_grad():
            for weight, before in zip(weights, kept, strict=True):
                weight.copy_(before)
