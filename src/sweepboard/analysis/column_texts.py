"""The numbers of a column as text: all with the same number of digits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from sweepboard.analysis.metrics import Spread

MOST_DIGITS = 5
"""Digits of the largest value of a column: a tiny deviation asks for no more."""


def column_texts(values: Sequence[Spread | None]) -> list[str]:
    """Return the texts of a column: `0.8912 ± 0.0021`, and `0.915 ± 0.007 (n = 2)` for two repeats.

    All have the decimals that give the smallest deviation two digits. Where the values differ too much for
    common decimals, they have four significant digits each. A missing value is "".
    """
    text = _formatter([value for value in values if value is not None])
    return ["" if value is None else _text(value, text) for value in values]


def _text(value: Spread, text: Callable[[float], str]) -> str:
    if value.std is None:
        return text(value.mean)
    two = " (n = 2)" if value.n == 2 else ""
    return f"{text(value.mean)} ± {text(value.std)}{two}"


def _formatter(values: Sequence[Spread]) -> Callable[[float], str]:
    means = [abs(value.mean) for value in values if math.isfinite(value.mean) and value.mean]
    if not means:
        return _significant
    largest, smallest = max(means), min(means)
    if largest >= 1e6 or smallest < 1e-4 or largest / smallest > 1e3:
        return _significant
    deviations = [value.std for value in values if value.std and math.isfinite(value.std)]
    if deviations:
        wanted = 1 - math.floor(math.log10(min(deviations)))
    else:
        wanted = max(_decimals(f"{value:.4g}") for value in means)
    decimals = max(0, min(wanted, MOST_DIGITS - 1 - math.floor(math.log10(largest))))
    return lambda value: f"{value:.{decimals}f}"


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])


def _significant(value: float) -> str:
    return f"{value:.0f}" if value == 0 else f"{value:#.4g}".removesuffix(".")
