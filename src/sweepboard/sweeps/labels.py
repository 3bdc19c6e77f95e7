"""Label a sweep's jobs by what differs between them, in characters that folder names allow."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from sweepboard.analysis.differing_hparams import short_names
from sweepboard.compose.override_grammar import quoted
from sweepboard.compose.type_checks import plain_value
from sweepboard.names import flatten, label
from sweepboard.secrets import masked_overrides, readable

_QUOTED_NAME = re.compile(r"\A'([\w.+-]+)'\Z")  # an option's, in which Hydra would read a number
READABLE = 30
"""Characters of a run's name that fit beside TensorBoard's curves."""

ALONE = "job"
"""Label of a job without overrides."""


def labels(points: Sequence[Mapping[str, str]], given: Sequence[str] = ()) -> list[str]:
    """Return a label for each point, unique even on a case-insensitive file system.

    A point maps keys to overrides: `{"optimizer.lr": "optimizer.lr=0.1"}`. Overrides that all points share
    are left out. If a label would be longer than `READABLE`, keys are shortened as far as they stay unique.
    `given` are the labels that the first points already have.
    """
    keys, names = varying_keys(points), list(given)
    parts = [[override for key, override in point.items() if key in keys] for point in points[len(given) :]]
    used = {name.casefold() for name in names}
    for point, found in zip(points[len(given) :], _readable_labels(parts, keys), strict=True):
        name = found or ALONE
        if name.casefold() in used:
            name = f"{name}-{_digest(point)}"
        used.add(name.casefold())
        names.append(name)
    return names


def _readable_labels(parts: Sequence[Sequence[str]], keys: set[str]) -> list[str]:
    """Return the overrides of each point as one name, with short keys if one of them were too long."""
    found = []
    for overrides in parts:
        found.append(label(overrides))
        if len(found[-1]) > READABLE:
            short = short_names(sorted(keys))
            return [label(each, short) for each in parts]
    return found


def varying_keys(points: Sequence[Mapping[str, str]]) -> set[str]:
    """Return the keys whose overrides differ between points; all keys of a single point."""
    keys = {key for point in points for key in point}
    return {key for key in keys if len(points) == 1 or len({point.get(key) for point in points}) > 1}


def _digest(point: Mapping[str, str]) -> str:
    return hashlib.sha256("\0".join(point.values()).encode()).hexdigest()[:8]


def overrides_by_key(
    overrides: Sequence[str], safe: Mapping[str, Any], known: tuple[str, ...] | None = None
) -> dict[str, str]:
    """Return a job's overrides by key with numbers normalised: `1e-1` becomes `0.1`.

    `safe` are its values without secrets, and `known` the `known_secrets`. A secret becomes a short hash. A
    mapping counts as an override of each key in it: `optimizer={lr: 1e-1}` is `optimizer.lr=0.1`.
    """
    typed = dict(pair for override in overrides for pair in _by_key(override, safe))
    return dict(zip(typed, map(readable, masked_overrides(typed.values(), known)), strict=True))


def _by_key(override: str, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    key, equals, text = override.lstrip("+").partition("=")
    if not equals or key.startswith("~"):
        yield key.lstrip("~"), override
        return
    below = list(flatten(_mapping(override), key)) if text.startswith("{") else []
    for one, typed in below or [(key, text)]:
        value = _select(config, one)
        plain = value is not None and not isinstance(value, Mapping)
        text = override_text(value) if plain or one != key else _QUOTED_NAME.sub(r"\1", str(typed))
        yield one, f"{one}={text}"


def _mapping(override: str) -> dict[str, Any]:
    value = OverridesParser.create().parse_override(override).value()
    return {str(key): child for key, child in value.items()} if isinstance(value, dict) else {}


def _select(config: Mapping[str, Any], key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = _child(value, part)
    return value


def _child(value: Any, name: str) -> Any:
    if not isinstance(value, Mapping):
        return None
    if name in value:
        return value[name]
    return next((child for key, child in value.items() if str(key) == name), None)  # a name may be a number


def override_text(value: Any) -> str:
    """Return a value in Hydra's override grammar, without blanks: `0.1`, `true`, `null`, `[128,64]`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(map(override_text, value))}]"
    return quoted(value) if isinstance(value, str) and _reads_as_another(value) else str(value)


@lru_cache(maxsize=4096)  # jobs of a sweep have the same texts in most places
def _reads_as_another(text: str) -> bool:
    return text == "null" or isinstance(plain_value(text), int | float)
