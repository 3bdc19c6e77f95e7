"""The numbers of a column have one number of digits."""

from __future__ import annotations

import math

import pytest

from sweepboard.analysis.column_texts import column_texts
from sweepboard.analysis.metrics import Spread
from sweepboard.formatting import as_logged


def one(value: float) -> Spread:
    return Spread(value, None, 1)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([one(0.9), one(0.715)], ["0.900", "0.715"]),
        ([one(12.0), one(7.0)], ["12", "7"]),
        ([Spread(0.915, 0.00712, 3), one(0.1)], ["0.9150 ± 0.0071", "0.1000"]),
        ([Spread(0.915, 0.00712, 2), None], ["0.9150 ± 0.0071 (n = 2)", ""]),
        ([Spread(0.9, 0.0, 2)], ["0.9 ± 0.0 (n = 2)"]),
        ([Spread(0.9, 1e-12, 3)], ["0.90000 ± 0.00000"]),
        ([one(4331.2), one(0.0012)], ["4331", "0.001200"]),
        ([one(1e-9), one(0.0)], ["1.000e-09", "0"]),
        ([one(2.5e9), Spread(1e9, 1e8, 3)], ["2.500e+09", "1.000e+09 ± 1.000e+08"]),
        ([one(0.0), one(0.5)], ["0.0", "0.5"]),
        ([one(-0.25), one(1.5)], ["-0.25", "1.50"]),
        ([], []),
    ],
)
def test_a_column(values: list[Spread | None], texts: list[str]) -> None:
    assert column_texts(values) == texts


@pytest.mark.parametrize(
    ("stored", "logged"),
    [
        (0.8999999761581421, 0.9),
        (0.10000000149011612, 0.1),
        (1.401298464324817e-45, 1.4013e-45),
        (0.1, 0.1),  # of double precision, and no single one
        (1 / 3, 1 / 3),
        (1e300, 1e300),
        (math.inf, math.inf),
        (-0.0, 0.0),
        (16777217.0, 16777217.0),
    ],
)
def test_a_value_is_what_was_logged(stored: float, logged: float) -> None:
    assert as_logged(stored) == logged


def test_a_value_that_is_no_number_stays_so() -> None:
    assert math.isnan(as_logged(math.nan))
