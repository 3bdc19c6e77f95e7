"""The losses of a learning-rate range test (Smith 2017, arXiv 1506.01186)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMOOTHING, DIVERGED = 0.9, 4.0
FALL = 0.02
"""The share of the first loss by which it must fall: less is noise."""


class RangeTest:
    """The smoothed losses at learning rates that rose."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.losses: list[float] = []

    def add(self, rate: float, loss: float) -> float:
        """Add a loss; return it smoothed."""
        last = self.losses[-1] if self.losses else loss
        self.rates.append(rate)
        self.losses.append(SMOOTHING * last + (1 - SMOOTHING) * loss)
        return self.losses[-1]

    @property
    def diverged(self) -> bool:
        """Whether the last loss is no number, or many times the least one."""
        return not math.isfinite(self.losses[-1]) or self.losses[-1] > DIVERGED * min(self.losses)

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

    def drawn(self) -> Figure:
        """Return the loss over the learning rate as a figure, with the suggestion."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 3.2), dpi=110, layout="constrained")
        axes = figure.subplots()
        axes.semilogx(self.rates, self.losses)
        axes.set(xlabel="learning rate", ylabel="training loss, smoothed")
        suggestion = self.suggestion()
        if suggestion is not None:
            axes.axvline(suggestion, color="tab:red", label=f"suggestion {suggestion:g}")
            axes.legend()
        return figure
