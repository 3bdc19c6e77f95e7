"""What a curve comes to: its last and best value, which way is better, and which tags are metrics at all."""

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
    """What one metric of one run came to."""

    last: float
    best: float | None
    """None where it is not known which way is better, or nothing finite was logged."""

    step: int | None
    """The first step at which it was best; None where that is not known."""


@dataclass(frozen=True)
class Spread:
    """A value over the runs of one config."""

    mean: float
    std: float | None
    """Sample standard deviation (of n - 1); None for a single run."""

    n: int


def score(steps: Steps, values: Numbers, mode: str) -> Score | None:
    """Last and best of a curve (`mode` is `min`, `max` or `unknown`); None where nothing was logged.

    `last` may be NaN: a run that diverged did not end well.
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
    """Mean and standard deviation of what is there and finite; None where nothing is."""
    present = [value for value in values if value is not None and math.isfinite(value)]
    if not present:
        return None
    mean = math.fsum(present) / len(present)
    if len(present) == 1:
        return Spread(mean, None, 1)
    variance = math.fsum((value - mean) ** 2 for value in present) / (len(present) - 1)
    return Spread(mean, math.sqrt(variance), len(present))


def mode_of(tag: str, modes: Mapping[str, str] | None = None) -> str:
    """Whether `min` or `max` of a metric is better: as told in `modes`, else by its name, or `unknown`."""
    return (modes or {}).get(tag) or direction(tag)


def metric_tags(tags: Iterable[str], primary_metric: str | None = None) -> list[str]:
    """Those tags that measure a result, the most telling first.

    Learning rate, epoch, throughput and the like are none, and what was best is found from the curve itself.
    Held-out data come before training data, the primary metric before others, these before a loss, and a
    loss before what may be better either way; a validation before a test.
    """
    return sorted((tag for tag in set(tags) if is_result(tag)), key=lambda tag: _rank(tag, primary_metric))


def is_training(tag: str) -> bool:
    """Whether a tag is of the training data."""
    return not TRAINING.isdisjoint(words(tag))


def _rank(tag: str, primary_metric: str | None) -> tuple[bool, bool, int, int, str]:
    said = words(tag)
    held_out = 0 if not VALIDATION.isdisjoint(said) else 1 if not TEST.isdisjoint(said) else 2
    telling = 2 if direction(tag) == UNKNOWN else 1 if is_loss(tag) else 0
    return is_training(tag), tag.rpartition("/")[2] != primary_metric, telling, held_out, tag
