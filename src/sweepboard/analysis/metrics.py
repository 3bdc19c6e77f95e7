"""What a curve comes to: its last and best value, which way is better, and which tags are metrics at all."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Steps: TypeAlias = npt.NDArray[np.int64]
Numbers: TypeAlias = npt.NDArray[np.float64]

_LOWER_IS_BETTER = frozenset(
    ("err", "mae", "mse", "rmse", "mape", "nll", "ppl", "perplexity", "wer", "cer", "ece", "fid", "kl",
     "bpb", "bpc", "brier", "cost", "distance", "divergence", "regret")
)  # fmt: skip
_VALIDATION = frozenset(("val", "valid", "validation", "dev", "eval", "evaluation"))
_TEST = frozenset(("test", "testing"))
_TRAINING = frozenset(("train", "training"))
_NO_METRIC = re.compile(
    r"(?:.*/)?(?:lr|lr-.*|learning_rate|epoch|global_step|hp_metric)$|(?:perf|best|time|timer|gpu|system)/",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True)
class Score:
    """What one metric of one run came to."""

    last: float
    best: float
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
    """Last and best of a curve (`mode` is `min` or `max`); None where nothing finite was logged.

    `last` may be NaN: a run that diverged did not end well.
    """
    finite = np.flatnonzero(np.isfinite(values))
    if not finite.size:
        return None
    sign = 1.0 if mode == "max" else -1.0
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
    """Whether `min` or `max` of a metric is better: as told in `modes`, else by its name."""
    told = (modes or {}).get(tag)
    return told or ("min" if _is_loss(tag) or _words(tag) & _LOWER_IS_BETTER else "max")


def metric_tags(tags: Iterable[str], headline: str | None = None) -> list[str]:
    """Those tags that measure a result, the most telling first.

    Learning rate, epoch, throughput and the like are none, and what was best is found from the curve itself.
    Held-out data come before training data, the `headline` metric before others, these before a loss, a
    validation before a test.
    """
    return sorted(
        (tag for tag in set(tags) if not _NO_METRIC.match(tag)), key=lambda tag: _rank(tag, headline)
    )


def is_training(tag: str) -> bool:
    """Whether a tag is of the training data."""
    return bool(_words(tag) & _TRAINING)


def _rank(tag: str, headline: str | None) -> tuple[bool, bool, bool, int, str]:
    held_out = 0 if _words(tag) & _VALIDATION else 1 if _words(tag) & _TEST else 2
    return is_training(tag), tag.rpartition("/")[2] != headline, _is_loss(tag), held_out, tag


def _is_loss(tag: str) -> bool:
    return any(word.endswith(("loss", "error")) for word in _words(tag))


def _words(tag: str) -> set[str]:
    """`train/valLoss_epoch` is train, val, loss, epoch."""
    return {word.lower() for word in _WORD.findall(tag)}
