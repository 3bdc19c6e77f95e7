"""The hyperparameters in which runs differ, and short names made of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from sweepboard.hyperparameters import DATA, TARGET, place_of_option
from sweepboard.settings import ROOT

Row: TypeAlias = Mapping[str, Any]
"""Flat hyperparameters of one run: `{"model": "cnn", "optimizer.lr": 0.01}`."""

_MISSING = object()


def differing(rows: Sequence[Row], typed: Collection[str] = ()) -> list[str]:
    """Return the keys whose values differ over `rows`, in the order of the rows' own keys.

    A key that is implied by the chosen option of its group is omitted: if the runs differ in `model`, then
    `model.hidden` is omitted when all runs of each model have the same value, unless it was `typed`.
    """
    keys = list(dict.fromkeys(key for row in rows for key in row))
    different = [key for key in keys if len({_at(row, key) for row in rows}) > 1]
    classes = {key for key in different if f"{key}{TARGET}" in typed}
    return [
        key
        for key in different
        if (key in typed and key not in classes)
        or not _follows(key, _determining_keys(key, different, classes), rows)
    ]


def _determining_keys(key: str, different: Sequence[str], classes: Collection[str]) -> list[str]:
    """Return the keys that may determine the value of `key`: options of its groups, or settings of the data.

    A group in `classes` had its class typed: that class determines it.
    """
    if key in (ROOT, DATA):
        return [other for other in different if other.startswith("dataset") and other != ROOT]
    if key in classes:
        return [f"{key}{TARGET}"]
    return [other for other in different if _is_option_of(other, key)]


def _follows(key: str, determining: Sequence[str], rows: Sequence[Row]) -> bool:
    """Return whether the keys `determining` determine the value of `key` in every row."""
    options = {tuple(_at(row, other) for other in determining) for row in rows}
    both = {tuple(_at(row, other) for other in (*determining, key)) for row in rows}
    return bool(determining) and len(options) == len(both)


def _is_option_of(option: str, key: str) -> bool:
    """Return whether `option` is a group (`model`, `model/act`) that contains `key`."""
    return key.startswith(f"{place_of_option(option)}.")


def _at(row: Row, key: str) -> Any:
    value = row.get(key, _MISSING)
    return "nan" if value != value else value  # NaN is no difference from NaN


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Return the shortest unique ending of each key: `optimizer.lr` becomes `lr`."""
    return {key: next((end for end in _endings(key) if _owners(end, keys) == 1), key) for key in keys}


def _endings(key: str) -> list[str]:
    pieces = key.split(".")
    return [".".join(pieces[start:]) for start in reversed(range(len(pieces)))]


def _owners(ending: str, keys: Sequence[str]) -> int:
    return sum(key == ending or key.endswith(f".{ending}") for key in set(keys))


def description(row: Row, keys: Sequence[str]) -> str:
    """Return a row as text with short names: `model=cnn, lr=0.01`."""
    names = short_names(keys)
    return ", ".join(f"{names[key]}={as_text(row[key])}" for key in keys if key in row)


def as_text(value: Any) -> str:
    """Return a value as short text: `0.001`, `1e-05`, `cnn`."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
