"""The learning-rate range test as a callback: `sweepboard lr-find`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweepboard.callbacks.range_test import RangeTest
from sweepboard.errors import ConfigError
from sweepboard.training.callback import Callback

if TYPE_CHECKING:
    from sweepboard.training.progress import Progress

SUGGESTION = "lr_find/suggestion"
LOWEST = 1e-6


class LearningRateFinder(Callback):
    """Raises the learning rate from `lowest` to `highest` over the run, until the loss diverges.

    At the end the loss is drawn over the learning rate as `lr_find/curve`, and the learning rate at which it
    fell most steeply is logged as `lr_find/suggestion`, if it fell. Nothing else may set the learning rate.
    """

    def __init__(self, lowest: float = LOWEST, highest: float = 1.0) -> None:
        if not 0 < lowest < highest:
            raise ValueError(f"lowest must be above 0 and below highest, got {lowest} and {highest}")
        self.lowest, self.highest = lowest, highest
        self.test = RangeTest()

    def on_start(self, progress: Progress) -> None:
        if len(progress.learner.optimizers) > 1:
            raise ConfigError("lr-find: a range test needs one optimizer, and this task has several")
        self._set_rate(progress)

    def on_update(self, progress: Progress) -> None:
        rate = self._rate(progress, progress.step - 1)
        loss = self.test.add(rate, float(progress.learner.loss))
        progress.log.scalars({"lr_find/loss": loss})
        if self.test.diverged:
            progress.stop(f"the loss diverged at a learning rate of {rate:.2g}")
        self._set_rate(progress)

    def on_end(self, progress: Progress) -> None:
        if (suggestion := self.test.suggestion()) is not None:
            progress.log.scalars({SUGGESTION: suggestion})
        progress.log.figure("lr_find/curve", self.test.drawn())

    def state_dict(self) -> dict[str, Any]:
        return {"rates": self.test.rates, "losses": self.test.losses}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.test.rates, self.test.losses = list(state["rates"]), list(state["losses"])

    def _rate(self, progress: Progress, step: int) -> float:
        share = step / max(1, progress.total_steps - 1)
        return float(self.lowest * (self.highest / self.lowest) ** share)

    def _set_rate(self, progress: Progress) -> None:
        for group in progress.learner.optimizer.param_groups:
            group["lr"] = self._rate(progress, progress.step)
