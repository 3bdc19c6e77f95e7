"""What tells runs apart: the hyperparameters that differ, and names that say only those."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

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
    options = {key for key in different if "." not in key}
    return [key for key in different if key in typed or not _follows(key, options, rows)]


def _follows(key: str, options: Collection[str], rows: Sequence[Row]) -> bool:
    """Whether the option of the key's group tells its value in every row."""
    group = key.partition(".")[0]
    if group == key or group not in options:
        return False
    return len({(_at(row, group), _at(row, key)) for row in rows}) == len({_at(row, group) for row in rows})


def _at(row: Row, key: str) -> Any:
    return row.get(key, _MISSING)


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
