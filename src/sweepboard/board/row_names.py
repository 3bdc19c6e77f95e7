"""Names of rows of the HParams table, which TensorBoard sorts by their text."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sweepboard.hyperparameters import HARDWARE
from sweepboard.settings import CLOSED_GROUPS, effect_of

WIDTH = 7
"""Places before the point of a number. Blanks fill them, of which a browser shows one."""

LENGTH = 100
"""Longest text in a name, the blanks counted."""


def row_name(row: Mapping[str, Any], asked: Collection[str], group: str, swept: Collection[str] = ()) -> str:
    """Return what was `asked` for in a row, numbers aligned so that they sort, and the start of its `group`.

    `lr= 0.1 mlp 4f1c09ab`: a setting is named by the last part of its key, an option stands for itself. The
    keys `swept` come first, because TensorBoard shows about twenty characters. What changes no result is left
    out. A row of which nothing was asked has the name of its model.
    """
    told = [key for key in row if key in asked and _changes_results(key)]
    told.sort(key=lambda key: (key not in swept, "." not in key))
    keys = told or [key for key in ("model",) if key in row]
    text = " ".join(_told(key, row[key], keys) for key in keys)
    return f"{text[:LENGTH]} {group[:8]}".lstrip()


def _changes_results(key: str) -> bool:
    is_preset = key in CLOSED_GROUPS  # whose settings may be any
    return not is_preset and key not in HARDWARE and effect_of(key) in ("result", "length")


def _told(key: str, value: Any, keys: Sequence[str]) -> str:
    if isinstance(value, str):
        value = value.rpartition(".")[2] if key.endswith("_target_") else value
    if "." not in key and isinstance(value, str):
        return value
    last = key.rpartition(".")[2]
    unique = [other.rpartition(".")[2] for other in keys].count(last) == 1
    name = last if unique else key
    return f"{name}={_number(value) if _is_number(value) else value}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number(value: float) -> str:
    """Return a number without an exponent, with its point always in the same place."""
    whole = int(value) if float(value).is_integer() else value
    text = format(Decimal(repr(whole)), "f")
    return text.rjust(WIDTH + len(text) - len(text.partition(".")[0]))
