"""Limit the sizes in a foreign configuration: memory, number of processes, length of lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from math import prod
from typing import Any

from sweepboard.errors import NotAllowed
from sweepboard.settings import settings

_MOST = {key: most for key, each in settings().items() if (most := each.rules.untrusted_maximum)}
_SIZE = 10_000_000
"""Maximum value of an argument of a model or a data set."""

_SIDE = 4096
"""Maximum side that a transform may be given; `data.sample_memory` limits what a chain of them makes."""

_NUMBERS = 1_000_000_000
"""Maximum product of the sizes of a data set, or of the sizes in one list."""

# These arguments do not change how much memory a data set needs.
_NO_SIZE = re.compile(r"seed|.*classes")
_TRANSFORM = re.compile(r"dataset\.(test\.)?\w*transforms?[.\[].*")


def refuse_giants(values: Sequence[tuple[str, Any]]) -> None:
    """Raise `NotAllowed` for a value that needs too much memory or too many processes."""
    for key, value in values:
        if _is_number(value) and abs(value) > _limit(key):
            raise NotAllowed(_too_much(key, value))
    sizes = list(_sizes(values))
    for key, group in groupby(sizes, lambda size: size[0].partition("[")[0]):
        if key.startswith("dataset.") and not _TRANSFORM.match(f"{key}."):
            _refuse_product(key, group)
    _refuse_product("dataset", [size for size in sizes if re.fullmatch(r"dataset\.\w+", size[0])])


def _sizes(values: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, int]]:
    for key, value in values:
        name = key.rpartition(".")[2]
        sized = key.startswith(("model.", "dataset.")) and not _NO_SIZE.fullmatch(name)
        if sized and key not in settings() and _is_number(value) and value > 1:
            yield key, int(value)


def _refuse_product(key: str, sizes: Iterable[tuple[str, int]]) -> None:
    numbers = prod(size for _, size in sizes)
    if numbers > _NUMBERS:
        raise NotAllowed(_too_much(key, numbers))


def _limit(key: str) -> float:
    if key in _MOST:
        return _MOST[key]
    if _TRANSFORM.fullmatch(key):
        return _SIDE
    sized = key.startswith(("model.", "dataset.")) and key.rpartition(".")[2] != "seed"
    return _SIZE if sized else float("inf")


def _is_number(value: Any) -> bool:
    """Return whether `value` is a whole number; `8.0` is one too."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0


def _too_much(key: str, value: Any) -> str:
    return (
        f"{key}: {value} is more than a run folder that is not yours may ask of this machine; "
        f"type {key}=... to say it yourself"
    )
