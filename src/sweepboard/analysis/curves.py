"""Curves of repeated runs, combined step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

import numpy as np

from sweepboard.analysis.metrics import Numbers, Steps

Points: TypeAlias = "tuple[Steps, Numbers]"
"""Increasing steps, and the value at each."""


@dataclass(frozen=True)
class Band:
    """Mean and sample standard deviation over runs, at the steps that all of them have."""

    steps: Steps
    mean: Numbers
    std: Numbers
    runs: int

    @property
    def points(self) -> Points:
        """The mean as a curve."""
        return self.steps, self.mean


def sorted_by_step(steps: Steps, values: Numbers) -> Points:
    """Return the curve with steps in order and each step once; the value written last wins."""
    if steps.size < 2 or np.all(steps[1:] > steps[:-1]):
        return steps, values
    backwards = steps[::-1]
    unique, newest = np.unique(backwards, return_index=True)
    return unique, values[::-1][newest]


def band(curves: Sequence[Points]) -> Band:
    """Return mean and spread over `curves`, each as returned by `sorted_by_step`.

    Nothing is interpolated: only steps that all curves have get a mean, so that every mean is over the same
    number of runs. Without a common step the band is empty.
    """
    steps = reduce(np.intersect1d, (each for each, _ in curves))
    stacked = np.stack([values[np.searchsorted(each, steps)] for each, values in curves])
    spread = stacked.std(axis=0, ddof=1) if len(curves) > 1 else np.zeros(steps.size)
    return Band(steps, stacked.mean(axis=0), spread, len(curves))


def smoothed(values: Numbers, weight: float) -> Numbers:
    """Return TensorBoard's bias-corrected exponential moving average; `weight` is in [0, 1).

    Values that are not finite are kept as they are and do not enter the average.
    """
    if weight <= 0:
        return values
    result = values.astype(np.float64)
    average, total = 0.0, 0.0
    for index in np.flatnonzero(np.isfinite(values)):
        average = weight * average + (1 - weight) * float(values[index])
        total = weight * total + (1 - weight)
        result[index] = average / total
    return result
