"""Summarise a curve: its last and best value, its direction, and which tags are metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sweepboard.analysis.metric_names import (
    MAX,
    TEST,
    TRAINING,
    UNKNOWN,
    VALIDATION,
    direction,
    is_loss,
    is_result,
    words,
)

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
    finite = np.flatnonzero(np.isfinite(values))
    if mode == UNKNOWN or not finite.size:
        return Score(float(values[-1]), None, None)
    sign = 1.0 if mode == MAX else -1.0
    best = finite[np.argmax(sign * values[finite])]
    return Score(float(values[-1]), float(values[best]), int(steps[best]))


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


def mode_of(tag: str, modes: Mapping[str, str] | None = None) -> str:
    """Return a metric's direction: from `modes`, or else from its name; `min`, `max` or `unknown`."""
    return (modes or {}).get(tag) or direction(tag)


def metric_tags(tags: Iterable[str], primary_metric: str | None = None) -> list[str]:
    """Return the tags that measure a result, the most important first.

    Learning rate, epoch, throughput and `best/…` are not metrics. Order: held-out data before training data,
    validation before test, the primary metric first, then other metrics, then losses, then those of unknown
    direction.
    """
    return sorted((tag for tag in set(tags) if is_result(tag)), key=lambda tag: _rank(tag, primary_metric))


def is_training(tag: str) -> bool:
    """Return whether a tag is of the training data."""
    return not TRAINING.isdisjoint(words(tag))


def _rank(tag: str, primary_metric: str | None) -> tuple[bool, bool, int, int, str]:
    tag_words = words(tag)
    held_out = 0 if not VALIDATION.isdisjoint(tag_words) else 1 if not TEST.isdisjoint(tag_words) else 2
    clarity = 2 if direction(tag) == UNKNOWN else 1 if is_loss(tag) else 0
    return is_training(tag), tag.rpartition("/")[2] != primary_metric, clarity, held_out, tag
