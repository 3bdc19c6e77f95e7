"""Many numbers at once become what each becomes alone."""

from __future__ import annotations

import numpy as np
import pytest

from sweepboard.analysis.logged_numbers import all_as_logged
from sweepboard.formatting import as_logged


def _numbers(kind: str) -> np.ndarray:
    random = np.random.default_rng(3)
    if kind == "any bits":
        return _single(random.integers(0, 2**32, 20_000, dtype=np.uint32).view(np.float32))
    if kind == "double":
        return random.normal(size=2_000) * 10.0 ** random.integers(-20, 20, 2_000)
    if kind == "edges":
        digits = ("1", "9.999999", "9.9999999", "-1", "-9.999999")
        powers = np.array([float(f"{digit}e{power}") for power in range(-46, 38) for digit in digits])
        special = [0.0, -0.0, np.inf, -np.inf, np.nan, 16777217.0, 100000.5, 1e12, 1e-12]
        return np.concatenate([_single(powers), powers, special])
    numbers = random.normal(size=(7, 3_000)) * 10.0 ** random.integers(-4, 5, 3_000)
    return _single(np.concatenate([np.round(row, places) for places, row in enumerate(numbers)]))


def _single(values: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return values.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("kind", ["any bits", "double", "edges", "typed"])
@pytest.mark.filterwarnings("error")
def test_many_are_as_each(kind: str) -> None:
    values = _numbers(kind)
    before = values.tobytes()
    assert list(map(repr, all_as_logged(values).tolist())) == [
        repr(as_logged(each)) for each in values.tolist()
    ]
    assert values.tobytes() == before
