"""Weights that are not trained, for the whole run or its first epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sweepboard.errors import ConfigError
from sweepboard.training.callback import Callback
from sweepboard.training.optimizer_patches import begin_momentum
from sweepboard.training.parameter_groups import matching

if TYPE_CHECKING:
    from torch import nn
    from torch.nn import Parameter

    from sweepboard.training.progress import Progress


class Freeze(Callback):
    """Leaves parameters as they are whose names, or those of their modules, match a pattern.

    `until_epoch` is when they are trained again. Weight decay leaves them alone too. Batch norm still follows
    its batches.
    """

    def __init__(self, patterns: Sequence[str], until_epoch: int | None = None) -> None:
        self.patterns, self.until_epoch = list(patterns), until_epoch

    def check_model(self, model: nn.Module, key: str) -> None:
        frozen = self._frozen(model, key)
        if {name for name, weight in model.named_parameters() if weight.requires_grad} <= frozen.keys():
            raise ConfigError(f"{key}: every weight is frozen, and none is left to train")

    def on_start(self, progress: Progress) -> None:
        frozen = self._frozen(progress.learner.model, progress.log.caller)
        if self._thaws_at(progress) <= progress.step:
            return
        for weight in frozen.values():
            weight.requires_grad_(False)
            weight.grad = None

    def on_update(self, progress: Progress) -> None:
        if progress.step == self._thaws_at(progress):
            thawed = list(self._frozen(progress.learner.model, progress.log.caller).values())
            for weight in thawed:
                weight.requires_grad_(True)
            for optimizer in progress.learner.optimizers.values():
                begin_momentum(optimizer, thawed)

    def _thaws_at(self, progress: Progress) -> float:
        return math.inf if self.until_epoch is None else self.until_epoch * progress.steps_per_epoch

    def _frozen(self, model: nn.Module, key: str) -> dict[str, Parameter]:
        return matching(dict(model.named_parameters()), self.patterns, key)
