"""Whether the values of a group of settings are valid: one of the choices, within the range."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from sweepboard.errors import ConfigError
from sweepboard.settings.field import rules_of


def check_values(group: object, key: str) -> None:
    """Raise `ConfigError` for the first value of a settings dataclass, which stands at `key`, that is none of
    its choices or out of its range."""
    for item in fields(group):  # type: ignore[arg-type]
        value, place = getattr(group, item.name), f"{key}.{item.name}"
        rules = rules_of(item)
        if is_dataclass(value):
            check_values(value, place)
        elif rules is not None and (problem := rules.problem(place, value)):
            raise ConfigError(problem)
