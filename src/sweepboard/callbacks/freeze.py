"""Weights that are not trained, for the whole run or its first epochs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import torch
from torch.nn import Parameter
from torch.optim import SGD, Optimizer

from sweepboard.errors import ConfigError
from sweepboard.training.callback import Callback

if TYPE_CHECKING:
    from sweepboard.training.progress import Progress


class Freeze(Callback):
    """Leaves parameters as they are whose names match a pattern (`backbone.*`), up to `until_epoch`.

    Weight decay leaves them alone too. Batch norm still follows its batches.
    """

    def __init__(self, patterns: Sequence[str], until_epoch: int | None = None) -> None:
        self.patterns, self.until_epoch = list(patterns), until_epoch

    def on_start(self, progress: Progress) -> None:
        weights = dict(progress.learner.model.named_parameters())
        chosen = [name for pattern in self.patterns for name in self._matching(pattern, progress)]
        if self._thaws_at(progress) <= progress.step:
            return
        if {name for name, weight in weights.items() if weight.requires_grad} <= {*chosen}:
            raise ConfigError(f"{progress.log.caller}: every weight is frozen, and none is left to train")
        for name in chosen:
            weights[name].requires_grad_(False)
            weights[name].grad = None

    def on_update(self, progress: Progress) -> None:
        if progress.step == self._thaws_at(progress):
            weights = dict(progress.learner.model.named_parameters())
            thawed = [weights[name] for each in self.patterns for name in self._matching(each, progress)]
            for weight in thawed:
                weight.requires_grad_(True)
            for optimizer in progress.learner.optimizers.values():
                _begin_momentum(optimizer, thawed)

    def _thaws_at(self, progress: Progress) -> float:
        return float("inf") if self.until_epoch is None else self.until_epoch * progress.steps_per_epoch

    def _matching(self, pattern: str, progress: Progress) -> list[str]:
        names = [name for name, _ in progress.learner.model.named_parameters()]
        found = [name for name in names if fnmatchcase(name, pattern)]
        if not found:
            shown = ", ".join(names[:4])
            raise ConfigError(f"{progress.log.caller}: no weight is named {pattern}; they are {shown}, ...")
        return found


def _begin_momentum(optimizer: Optimizer, weights: Iterable[Parameter]) -> None:
    """Give SGD a momentum of zero for `weights`: fused, it takes none that begin later than others."""
    if isinstance(optimizer, SGD):
        for group in optimizer.param_groups:
            for weight in group["params"]:
                if group["momentum"] and any(weight is each for each in weights):
                    optimizer.state[weight].setdefault("momentum_buffer", torch.zeros_like(weight))
