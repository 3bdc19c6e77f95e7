"""What tells runs apart: the hyperparameters that differ, and names that say only those."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from sweepboard.hyperparameters import DATA, TARGET
from sweepboard.settings import ROOT

Row: TypeAlias = Mapping[str, Any]
"""Flat hyperparameters of one run: `{"model": "cnn", "optimizer.lr": 0.01}`."""

_MISSING = object()


def differing(rows: Sequence[Row], typed: Collection[str] = ()) -> list[str]:
    """The keys whose values differ over `rows`, in the order of the rows' own keys.

    What only follows from the chosen option of a group is left out: where the runs differ in `model`,
    `model.hidden` is no difference of its own while it is the same in all runs of each model, unless it was
    `typed`.
    """
    keys = list(dict.fromkeys(key for row in rows for key in row))
    different = [key for key in keys if len({_at(row, key) for row in rows}) > 1]
    classes = {key for key in different if f"{key}{TARGET}" in typed}
    return [
        key
        for key in different
        if (key in typed and key not in classes) or not _follows(key, _telling(key, different, classes), rows)
    ]


def _telling(key: str, different: Sequence[str], classes: Collection[str]) -> list[str]:
    """The keys that may tell the value of `key`: the options of its groups, and of the data their settings.

    A group of which the class itself was typed is one of the `classes`: that class tells it.
    """
    if key in (ROOT, DATA):
        return [other for other in different if other.startswith("dataset") and other != ROOT]
    if key in classes:
        return [f"{key}{TARGET}"]
    return [other for other in different if _is_option_of(other, key)]


def _follows(key: str, telling: Sequence[str], rows: Sequence[Row]) -> bool:
    """Whether the keys `telling` tell the value of `key` in every row."""
    told = {tuple(_at(row, other) for other in telling) for row in rows}
    both = {tuple(_at(row, other) for other in (*telling, key)) for row in rows}
    return bool(telling) and len(told) == len(both)


def _is_option_of(option: str, key: str) -> bool:
    """Whether `option` is that of a group (`model`, `model/act`) in which `key` stands."""
    return "." not in option and key.startswith(f"{option.replace('/', '.')}.")


def _at(row: Row, key: str) -> Any:
    value = row.get(key, _MISSING)
    return "nan" if value != value else value  # two of them are no difference


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """The shortest ending of each key that no other key has: `optimizer.lr` is `lr`."""
    return {key: next((end for end in _endings(key) if _owners(end, keys) == 1), key) for key in keys}


def _endings(key: str) -> list[str]:
    pieces = key.split(".")
    return [".".join(pieces[start:]) for start in reversed(range(len(pieces)))]


def _owners(ending: str, keys: Sequence[str]) -> int:
    return sum(key == ending or key.endswith(f".{ending}") for key in set(keys))


def description(row: Row, keys: Sequence[str]) -> str:
    """A row in the words that tell it apart: `model=cnn, lr=0.01`."""
    names = short_names(keys)
    return ", ".join(f"{names[key]}={as_text(row[key])}" for key in keys if key in row)


def as_text(value: Any) -> str:
    """A value as a reader wants it: `0.001`, `1e-05`, `cnn`."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
