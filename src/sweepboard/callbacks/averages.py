"""Averages of the weights over the updates: EMA and SWA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweepboard.training.average import AverageOfWeights

if TYPE_CHECKING:
    from sweepboard.training.progress import Progress


class EMA(AverageOfWeights):
    """Keeps an exponential moving average of the weights, with which the model is evaluated and saved.

    Of n updates so far, the decay is at most (1 + n) / (10 + n): the first ones are soon forgotten.
    """

    def __init__(self, decay: float = 0.999) -> None:
        super().__init__()
        if not 0 < decay < 1:
            raise ValueError(f"decay must be between 0 and 1, got {decay}")
        self.decay = decay

    def on_update(self, _: Progress) -> None:
        self.take(min(self.decay, (1 + self.count) / (10 + self.count)))


class SWA(AverageOfWeights):
    """Averages the weights at the end of every epoch from `start_epoch` on (Izmailov et al. 2018)."""

    def __init__(self, start_epoch: int) -> None:
        super().__init__()
        self.start_epoch = start_epoch

    def on_update(self, progress: Progress) -> None:
        if progress.step % progress.steps_per_epoch == 0 and progress.epoch >= self.start_epoch:
            self.take()
