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
from sweepboard.names import Unlike, changed_leaves

Change: TypeAlias = "list[Any]"
"""The path of keys of a value, and the value."""

_Entry: TypeAlias = "tuple[int, list[Change]]"
"""The number of a base and what is changed of it."""

_FEW = 8
"""How many of the bases with the same keys a configuration is compared with."""


@dataclass(frozen=True)
class Base:
    """What the configurations of several jobs share."""

    groups: dict[str, str]
    interpolations: dict[str, str]
    writes_only: list[str]
    config: str
    """The values as YAML, secrets masked."""

    @cached_property
    def shared(self) -> RunConfig:
        """The configuration before any change. Raise ValueError or yaml.YAMLError."""
        return RunConfig(
            plain_yaml.load(self.config), self.interpolations, self.groups, writes_only=self.writes_only
        )

    def with_changes(self, overrides: Sequence[str], changes: Sequence[Change]) -> RunConfig:
        """Return the configuration of a job. Raise ValueError for changes that do not fit."""
        shared = self.shared
        try:
            leaves = [(path, value) for path, value in changes]
            if not all(path and _is_single(value) for path, value in leaves):
                raise ValueError(f"{changes!r:.50} are no single values")
            return shared.with_leaves(leaves, overrides)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{changes!r:.50} change nothing that is there") from error


@dataclass(frozen=True)
class _Written:
    """A base that is written."""

    number: int
    parts: dict[str, Any]
    values: dict[str, Any]

    def entry(self, parts: Mapping[str, Any], values: Mapping[str, Any]) -> _Entry | None:
        """Return its number and what is changed of it; None if it is not near enough."""
        try:
            return (self.number, list(_changes(self.values, values))) if self.parts == parts else None
        except Unlike:
            return None


@dataclass
class Bases:
    """The bases of a plan that is being written."""

    plain: list[dict[str, Any]] = field(default_factory=list)
    """Each as it is saved."""

    _alike: dict[str, list[_Written]] = field(default_factory=dict)
    """Those with the same groups and keys."""

    _recent: Sequence[_Written] = ()
    """Those that the configuration before was compared with: the next one is mostly like it."""

    def entry(self, config: RunConfig) -> dict[str, Any]:
        """Return a configuration as a base, a new one if no other is like it, and what it changes of it."""
        parts = {
            "groups": config.groups,
            "interpolations": config.interpolations,
            "writes_only": config.writes_only,
        }
        number, changes = self._near(parts, config.safe) or self._new(parts, config.safe)
        return {"base": number, "overrides": config.safe_overrides, "changes": changes}

    def _near(self, parts: dict[str, Any], values: dict[str, Any]) -> _Entry | None:
        """Return a base that is like a configuration and what is changed of it; None if there is none."""
        found = _nearest(self._recent, parts, values)
        if found is None:
            self._recent = self._alike.get(_kind(parts, values), [])[: -_FEW - 1 : -1]
            found = _nearest(self._recent, parts, values)
        return found

    def _new(self, parts: dict[str, Any], values: dict[str, Any]) -> _Entry:
        number = len(self.plain)
        written = _Written(number, parts, values)
        self._alike.setdefault(_kind(parts, values), []).append(written)
        self._recent = [written]
        self.plain.append({"base": number, **parts, "config": plain_yaml.dump(values)})
        return number, []


def _kind(parts: Mapping[str, Any], values: Any) -> str:
    return repr((parts, _keys(values)))


def _keys(values: Any) -> Any:
    return [(key, _keys(each)) for key, each in values.items()] if isinstance(values, dict) else None


def _nearest(bases: Sequence[_Written], parts: Mapping[str, Any], values: Mapping[str, Any]) -> _Entry | None:
    found = (each.entry(parts, values) for each in bases)
    return next((each for each in found if each is not None), None)


def _changes(base: Mapping[Any, Any], values: Mapping[Any, Any]) -> Iterator[Change]:
    """Yield the values that differ. Raise `Unlike` for other keys, or for a value that JSON cannot hold."""
    for path, before, value in changed_leaves(base, values):
        if isinstance(before, dict) or not _is_single(value):
            raise Unlike
        yield [path, value]


def _is_single(value: Any) -> bool:
    """Return whether a value is a number or text, or a list of such, that JSON holds as it is."""
    if isinstance(value, list):
        return not any(isinstance(each, list) for each in value) and all(map(_is_single, value))
    return value is None or (
        isinstance(value, bool | int | float | str)
        and not (isinstance(value, float) and not math.isfinite(value))
    )
