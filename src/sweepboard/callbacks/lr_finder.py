"""The learning-rate range test (Smith 2017, arXiv 1506.01186): `sweepboard lr-find`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sweepboard.errors import ConfigError
from sweepboard.training.callback import Callback

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sweepboard.training.progress import Progress

SUGGESTION = "lr_find/suggestion"
SMOOTHING, DIVERGED = 0.9, 4.0
FALL = 0.02
"""The share of the first loss by which it must fall: less is noise."""


class LearningRateFinder(Callback):
    """Raises the learning rate from `lowest` to `highest` over the run, until the loss diverges.

    At the end the loss is drawn over the learning rate as `lr_find/curve`, and the learning rate at which it
    fell most steeply is logged as `lr_find/suggestion`, if it fell. Nothing else may set the learning rate.
    """

    def __init__(self, lowest: float = 1e-6, highest: float = 1.0) -> None:
        if not 0 < lowest < highest:
            raise ValueError(f"lowest must be above 0 and below highest, got {lowest} and {highest}")
        self.lowest, self.highest = lowest, highest
        self.rates: list[float] = []
        self.losses: list[float] = []

    def on_start(self, progress: Progress) -> None:
        if len(progress.learner.optimizers) > 1:
            raise ConfigError("lr-find: a range test needs one optimizer, and this task has several")
        self._set_rate(progress)

    def on_update(self, progress: Progress) -> None:
        loss = float(progress.learner.loss)
        last = self.losses[-1] if self.losses else loss
        self.rates.append(self._rate(progress, progress.step - 1))
        self.losses.append(SMOOTHING * last + (1 - SMOOTHING) * loss)
        progress.log.scalars({"lr_find/loss": self.losses[-1]})
        if not math.isfinite(loss) or self.losses[-1] > DIVERGED * min(self.losses):
            progress.stop(f"the loss diverged at a learning rate of {self.rates[-1]:.2g}")
        self._set_rate(progress)

    def on_end(self, progress: Progress) -> None:
        if (suggestion := self.suggestion()) is not None:
            progress.log.scalars({SUGGESTION: suggestion})
        progress.log.figure("lr_find/curve", self._drawn(suggestion))

    def suggestion(self) -> float | None:
        """Return the learning rate at which the loss fell most steeply, in two digits; None if it did not."""
        if not self.losses:
            return None
        end = int(np.argmin(self.losses)) + 1
        fell = self.losses[0] - self.losses[end - 1]
        if end < 3 or fell < FALL * abs(self.losses[0]):
            return None
        steepest = int(np.argmin(np.gradient(self.losses[:end], np.log(self.rates[:end]))))
        return float(f"{self.rates[steepest]:.2g}")

    def state_dict(self) -> dict[str, Any]:
        return {"rates": self.rates, "losses": self.losses}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rates, self.losses = list(state["rates"]), list(state["losses"])

    def _rate(self, progress: Progress, step: int) -> float:
        share = step / max(1, progress.total_steps - 1)
        return float(self.lowest * (self.highest / self.lowest) ** share)

    def _set_rate(self, progress: Progress) -> None:
        for group in progress.learner.optimizer.param_groups:
            group["lr"] = self._rate(progress, progress.step)

    def _drawn(self, suggestion: float | None) -> Figure:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 3.2), dpi=110, layout="constrained")
        axes = figure.subplots()
        axes.semilogx(self.rates, self.losses)
        axes.set(xlabel="learning rate", ylabel="training loss, smoothed")
        if suggestion is not None:
            axes.axvline(suggestion, color="tab:red", label=f"suggestion {suggestion:g}")
            axes.legend()
        return figure
