"""Expand the overrides of a command into the points of a grid; axes may be zipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import Override

from sweepboard.compose.overrides import refuse_among_values, refuse_inside
from sweepboard.errors import ConfigError, did_you_mean
from sweepboard.sweeps.ranges import overrides_parser
from sweepboard.sweeps.sweep_overrides import key_of, last_of_each_key


@dataclass(frozen=True)
class Axis:
    """Keys that take their values together; each of `choices` holds an override (`key=value`) per key."""

    keys: tuple[str, ...]
    choices: tuple[tuple[str, ...], ...]
    swept: bool = True
    """Whether the override is a sweep, even over a single value."""


def grid(
    overrides: Sequence[str], zips: Sequence[Any] = (), loader: ConfigLoader | None = None
) -> list[list[str]]:
    """Return every combination of the values in `overrides`; the last key changes fastest.

    `overrides` follow Hydra's grammar (`a=1,2`, `range(...)`, `choice(...)`, `glob(...)`); those that
    `last_of_each_key` drops are ignored. `zips` are keys, or lists of keys, whose values are zipped. Raise
    `ConfigError`.
    """
    parsed = overrides_parser(loader).parse_overrides(list(overrides))
    axes = zipped([axis(each) for each in last_of_each_key(parsed)], zips)
    points = [
        [override for choice in choices for override in choice]
        for choices in product(*(a.choices for a in axes))
    ]
    if not points:
        empty = next(axis for axis in axes if not axis.choices)
        raise ConfigError(f"{empty.keys[0]}: has no values, so the sweep has no jobs")
    return points


def axis(override: Override) -> Axis:
    """Return the values of one override, each as an override. Raise `ConfigError` for an infinite range."""
    refuse_inside(override)
    refuse_among_values(override)
    key = override.get_key_element()
    name = key_of(key)
    if not override.is_sweep_override():
        return Axis((name,), ((str(override.input_line),),), swept=False)
    if not override.is_discrete_sweep():
        raise ConfigError(
            f"{override.input_line}: an interval holds no end of values; list some, as {name}=0.1,0.01, "
            f"or search it with hydra/sweeper=optuna"
        )
    return Axis((name,), tuple((f"{key}={value}",) for value in override.sweep_string_iterator()))


def zipped(axes: Sequence[Axis], zips: Sequence[Any]) -> list[Axis]:
    """Return the axes with each group in `zips` merged into one axis, at the place of its first key."""
    swept = _swept(axes)
    together: dict[str, Axis] = {}
    for group in _groups(zips):
        joined = _joined(group, swept)
        for key in group:
            if key in together:
                raise ConfigError(f"sweep.zip: {key} is named twice; name each key once")
            together[key] = joined
    made: list[Axis] = []
    for one in axes:
        axis = together.get(one.keys[0], one) if one.swept else one
        if axis not in made:
            made.append(axis)
    return made


def _swept(axes: Sequence[Axis]) -> dict[str, list[Axis]]:
    """Return the axes with several values by key; a config group and a mapping share one key."""
    found: dict[str, list[Axis]] = {}
    for axis in axes:
        if axis.swept:
            found.setdefault(axis.keys[0], []).append(axis)
    return found


def _groups(zips: Sequence[Any]) -> list[list[str]]:
    """Return the groups of a zip setting: `[a, b]` is one group, `[[a, b], [c, d]]` are two."""
    if any(isinstance(group, str) for group in zips):
        zips = [zips]
    groups = [[str(key) for key in group] if isinstance(group, list) else [] for group in zips]
    if any(len(group) < 2 for group in groups):
        raise ConfigError("sweep.zip: needs two keys or more, as sweep.zip=[optimizer.lr,dataset.batch_size]")
    return groups


def _joined(group: Sequence[str], swept: Mapping[str, Sequence[Axis]]) -> Axis:
    rows = zip(*_of_one_length({key: _only(key, swept).choices for key in group}), strict=True)
    return Axis(
        tuple(group), tuple(tuple(override for overrides in row for override in overrides) for row in rows)
    )


def _only(key: str, swept: Mapping[str, Sequence[Axis]]) -> Axis:
    if key not in swept:
        raise ConfigError(f"sweep.zip: {key} has no values to go through{did_you_mean(key, list(swept))}")
    if len(swept[key]) > 1:
        raise ConfigError(f"sweep.zip: {key} has values twice, options and mappings; sweep only one of them")
    return swept[key][0]


def _of_one_length(choices: Mapping[str, Sequence[tuple[str, ...]]]) -> list[Sequence[tuple[str, ...]]]:
    counts = {key: len(values) for key, values in choices.items()}
    if len(set(counts.values())) > 1:
        counted = ", ".join(f"{key} has {count} values" for key, count in counts.items())
        raise ConfigError(f"sweep.zip: {counted}: give each as many")
    return list(choices.values())
