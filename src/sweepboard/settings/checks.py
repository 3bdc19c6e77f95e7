"""Check the values of a group of settings: choices and ranges."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from sweepboard.errors import ConfigError
from sweepboard.settings.field import rules_of


def check_values(group: object, key: str) -> None:
    """Raise `ConfigError` for the first invalid value of a settings dataclass at `key`."""
    for item in fields(group):  # type: ignore[arg-type]
        value, place = getattr(group, item.name), f"{key}.{item.name}"
        rules = rules_of(item)
        if is_dataclass(value):
            check_values(value, place)
        elif rules is not None and (problem := rules.problem(place, value)):
            raise ConfigError(problem)
