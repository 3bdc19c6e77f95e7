"""The norm of the gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from sweepboard.training.callback import Callback

if TYPE_CHECKING:
    from sweepboard.training.progress import Progress


class GradientNorm(Callback):
    """Logs the norm of all gradients before clipping, as `train/gradient_norm`, every so many updates.

    Of several optimizers it is one curve for each: `train/gradient_norm/<optimizer>`.
    """

    writes_only = True

    def __init__(self, every_steps: int = 50) -> None:
        self.every_steps = every_steps

    def on_gradients(self, progress: Progress, optimizer: str) -> None:
        if progress.step % self.every_steps == 0:
            learner = progress.learner
            weights = learner.parameters_of(optimizer)
            norm = torch.nn.utils.get_total_norm([one.grad for one in weights if one.grad is not None])
            name = f"/{optimizer}" if len(learner.optimizers) > 1 else ""
            progress.log.scalars({f"train/gradient_norm{name}": norm})
