"""Summarise a curve: its last and best value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sweepboard.formatting import as_logged
from sweepboard.metric_names import MAX, UNKNOWN

Steps: TypeAlias = npt.NDArray[np.int64]
Numbers: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """The last and best value of one metric in one run."""

    last: float
    best: float | None
    """None if the metric's direction is unknown or no finite value was logged."""

    step: int | None
    """The first step with the best value; None if unknown."""


@dataclass(frozen=True)
class Spread:
    """Mean and deviation of a value over the runs of one config."""

    mean: float
    std: float | None
    """Sample standard deviation (n - 1); None for a single run."""

    n: int


def score(steps: Steps, values: Numbers, mode: str) -> Score | None:
    """Return last and best of a curve (`mode` is `min`, `max` or `unknown`); None for an empty curve.

    `last` may be NaN: it shows that a run diverged.
    """
    if not values.size:
        return None
    last = as_logged(float(values[-1]))
    best = None if mode == UNKNOWN else _best(values, mode)
    if best is None:
        return Score(last, None, None)
    return Score(last, as_logged(float(values[best])), int(steps[best]))


def _best(values: Numbers, mode: str) -> int | None:
    """Return the place of the first best value that is finite; None if none is."""
    best = int(values.argmax() if mode == MAX else values.argmin())
    if math.isfinite(values[best]):  # NaN and infinities, which are rare, would be it
        return best
    finite = np.flatnonzero(np.isfinite(values))
    return int(finite[_best(values[finite], mode)]) if finite.size else None


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of the finite values; None if there are none."""
    if len(values) == 1:
        return values[0]
    found = spread(values)
    return None if found is None else found.mean


def spread(values: Iterable[float | None]) -> Spread | None:
    """Return mean and standard deviation of the finite values; None if there are none."""
    present = [value for value in values if value is not None and math.isfinite(value)]
    if not present:
        return None
    mean = math.fsum(present) / len(present)
    if len(present) == 1:
        return Spread(mean, None, 1)
    variance = math.fsum((value - mean) ** 2 for value in present) / (len(present) - 1)
    return Spread(mean, math.sqrt(variance), len(present))
