"""The configurations of a plan's jobs as a few bases, and what each job changes of its base.

Jobs of one choice of groups differ in a few values, so a plan of thousands holds one configuration for each
choice. A base holds it as YAML, which loses nothing; a change is a path of keys and a value that JSON holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from sweepboard import plain_yaml
from sweepboard.compose.run_config import RunConfig
from sweepboard.names import with_value
from sweepboard.secrets import masked, masked_overrides

Change: TypeAlias = "list[Any]"
"""The path of keys of a value, and the value."""

_FEW = 8
"""How many of the bases with the same keys a configuration is compared with."""


class _Unlike(Exception):
    """Two configurations that differ in more than single values."""


@dataclass(frozen=True)
class Base:
    """What the configurations of several jobs share."""

    groups: dict[str, str]
    interpolations: dict[str, str]
    writes_only: list[str]
    config: str
    """The values as YAML, secrets masked."""

    @cached_property
    def values(self) -> Any:
        """The values. Raise ValueError or yaml.YAMLError."""
        return plain_yaml.load(self.config)

    def with_changes(self, overrides: Sequence[str], changes: Sequence[Change]) -> RunConfig:
        """Return the configuration of a job. Raise ValueError for changes that do not fit."""
        values = self.values
        for change in changes:
            values = _changed(values, change)
        return RunConfig(
            values, self.interpolations, self.groups, list(overrides), writes_only=self.writes_only
        )


@dataclass
class Bases:
    """The bases of a plan that is being written."""

    plain: list[dict[str, Any]] = field(default_factory=list)
    """Each as it is saved."""

    _alike: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    """Numbers and values of those with the same groups and keys."""

    def entry(self, config: RunConfig) -> dict[str, Any]:
        """Return a configuration as a base, a new one if no other is like it, and what it changes of it."""
        parts = {
            "groups": config.groups,
            "interpolations": config.interpolations,
            "writes_only": config.writes_only,
        }
        values = masked(config.values)
        alike = self._alike.setdefault(repr((parts, _keys(values))), [])
        number, changes = _nearest(alike[-_FEW:], values) or self._new(parts, values, alike)
        return {"base": number, "overrides": masked_overrides(config.overrides), "changes": changes}

    def _new(
        self, parts: Mapping[str, Any], values: Any, alike: list[tuple[int, Any]]
    ) -> tuple[int, list[Change]]:
        number = len(self.plain)
        alike.append((number, values))
        self.plain.append({"base": number, **parts, "config": plain_yaml.dump(values)})
        return number, []


def _keys(values: Any) -> Any:
    return [(key, _keys(each)) for key, each in values.items()] if isinstance(values, dict) else None


def _nearest(alike: Sequence[tuple[int, Any]], values: Any) -> tuple[int, list[Change]] | None:
    """Return the number of a base and what is changed of it; None if none is near enough."""
    for number, base in reversed(alike):
        try:
            return number, list(_changes(base, values))
        except _Unlike:
            continue
    return None


def _changes(base: Mapping[Any, Any], values: Mapping[Any, Any]) -> Iterator[Change]:
    """Yield the values that differ, of the same keys. Raise `_Unlike` for one that JSON cannot hold."""
    for key, value in values.items():
        before = base[key]
        if before is value:
            continue
        if isinstance(before, dict):
            yield from ([[key, *path], other] for path, other in _changes(before, value))
        elif repr(before) != repr(value):  # 1, 1.0 and True are equal, but not the same
            if not _is_single(value):
                raise _Unlike
            yield [[key], value]


def _is_single(value: Any) -> bool:
    """Return whether a value is a number or text, or a list of such, that JSON holds as it is."""
    if isinstance(value, list):
        return not any(isinstance(each, list) for each in value) and all(map(_is_single, value))
    return value is None or (
        isinstance(value, bool | int | float | str)
        and not (isinstance(value, float) and not math.isfinite(value))
    )


def _changed(values: Any, change: Change) -> dict[Any, Any]:
    """Return `values` with one changed, all others shared. Raise ValueError for a path that leads nowhere."""
    try:
        path, value = change
        if not path or not _is_single(value):
            raise ValueError(f"{value!r:.50} is no single value")
        return with_value(values, path, value)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{change!r:.50} changes nothing that is there") from error
