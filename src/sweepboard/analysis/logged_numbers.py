"""Many numbers as they were logged."""

from __future__ import annotations

import numpy as np

from sweepboard.analysis.metrics import Numbers, Steps
from sweepboard.formatting import as_logged

_POWERS = np.array([float(f"1e{power}") for power in range(23)])
"""Powers of ten that a float holds exactly: with them a quotient or a product is rounded once."""


def all_as_logged(values: Numbers) -> Numbers:
    """Return `as_logged` of each number, for very small and very large ones one by one."""
    found: Numbers = values.copy()
    sizes = np.abs(values)
    many = np.flatnonzero((sizes > 1e-12) & (sizes < 1e12))
    exponents = _exponents(sizes[many])
    for digits in range(6, 10):
        short = _rounded(values[many], digits - 1 - exponents)
        fits = short.astype(np.float32) == values[many]
        found[many[fits]] = short[fits]
        many, exponents = many[~fits], exponents[~fits]
    few = np.flatnonzero(np.isfinite(values) & (((sizes > 0) & (sizes <= 1e-12)) | (sizes >= 1e12)))
    found[few] = [as_logged(value) for value in values[few].tolist()]
    return found


def _exponents(sizes: Numbers) -> Steps:
    """Return the powers of ten of the first digits."""
    guessed = np.floor(np.log10(sizes)).astype(np.int64)
    too_large = sizes * _POWERS[np.maximum(-guessed, 0)] < _POWERS[np.maximum(guessed, 0)]
    too_small = sizes * _POWERS[np.maximum(-guessed - 1, 0)] >= _POWERS[np.maximum(guessed + 1, 0)]
    exponents: Steps = guessed - too_large + too_small
    return exponents


def _rounded(values: Numbers, decimals: Steps) -> Numbers:
    up, down = _POWERS[np.maximum(decimals, 0)], _POWERS[np.maximum(-decimals, 0)]
    rounded: Numbers = np.rint(values * up / down) / up * down
    return rounded
