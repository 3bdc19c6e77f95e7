"""Query the settings by dotted key. Every list of settings is a query."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

from sweepboard.settings.config import LOGGERS, ROOT, SHARED_KEYS, Config
from sweepboard.settings.docstrings import field_texts
from sweepboard.settings.field import Condition, Effect, Rules, rules_of


@dataclass(frozen=True)
class Setting:
    """A setting of the runner."""

    key: str
    """The dotted key: `trainer.epochs`."""

    default: Any
    type: Any
    rules: Rules
    group: type
    """The dataclass of the field."""

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition(".")[2]

    @property
    def text(self) -> str:
        """The docstring below the field, on one line."""
        return field_texts(self.group)[self.name]


@cache
def settings() -> dict[str, Setting]:
    """Return every setting of the runner by its key, in the order of `Config`."""
    return {each.key: each for each in settings_in(Config)}


@cache
def settings_in(group: type, prefix: str = "") -> tuple[Setting, ...]:
    """Return the settings of a dataclass and of the groups in it; `prefix` comes before their keys."""
    return tuple(_settings_in(group, prefix))


def _settings_in(group: type, prefix: str) -> Iterator[Setting]:
    types = get_type_hints(group)
    for item in fields(group):
        key, rules = f"{prefix}{item.name}", rules_of(item)
        nested = SHARED_KEYS.get(key, types[item.name])
        if is_dataclass(nested):
            yield from settings_in(nested, f"{key}.")  # type: ignore[arg-type]
        elif rules is not None:
            yield Setting(key, _default(item), types[item.name], rules, group)


def _default(item: Field[Any]) -> Any:
    return item.default_factory() if item.default_factory is not MISSING else item.default


@cache
def keys_with(*effects: Effect) -> frozenset[str]:
    """Return the keys of the runner's settings that have one of these effects."""
    return frozenset(key for key, each in settings().items() if each.rules.effect in effects)


def effect_of(
    key: str, writes_only: Collection[str] = (), configs: Sequence[Mapping[str, Any]] = ()
) -> Effect | None:
    """Return the effect of a leaf of a run's configuration; None for a fact, which other settings determine.

    An argument of a class changes the result; the location of data, a logger and the entries in
    `writes_only` (`callbacks.gradient_norm`) do not. A setting whose effect depends on others has the
    greatest that it has in one of `configs`.
    """
    if key in settings():
        rules = settings()[key].rules
        return (
            "result" if rules.changes_results and any(map(rules.changes_results, configs)) else rules.effect
        )
    if key.startswith("facts."):
        return None
    changes_no_number = key == ROOT or any(_is_below(key, one) for one in (LOGGERS, *writes_only))
    return "place" if changes_no_number else "result"


def _is_below(key: str, other: str) -> bool:
    return key == other or key.startswith(f"{other}.")


@cache
def conditions(kind: Condition) -> tuple[str, ...]:
    """Return the keys of the settings that are conditions of this kind, in the order of `Config`."""
    return tuple(key for key, each in settings().items() if each.rules.condition == kind)


def unused(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of the settings that have no effect given the others in this configuration."""
    for key, groups, used in _sometimes_unused():
        if not used(_group_at(config, groups)):
            yield key


@cache
def _sometimes_unused() -> list[tuple[str, list[str], Callable[[Mapping[str, Any]], bool]]]:
    """Return the settings that others may make unused: key, names of the groups around it, and the rule."""
    rules = ((key, each.rules.used) for key, each in settings().items())
    return [(key, key.split(".")[:-1], used) for key, used in rules if used is not None]


def _group_at(config: Mapping[str, Any], groups: Sequence[str]) -> Mapping[str, Any]:
    group: Any = config
    for name in groups:
        group = group.get(name) or {}
    return group  # type: ignore[no-any-return]
