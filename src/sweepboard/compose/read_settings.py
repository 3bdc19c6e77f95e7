"""Create settings from plain values, and check their types, choices and ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from sweepboard.compose.call_checks import check_type
from sweepboard.errors import ConfigError, did_you_mean, nearest
from sweepboard.settings import Setting, settings_in

S = TypeVar("S")


def read_settings(group: type[S], values: Mapping[str, Any], key: str) -> S:
    """Return an instance of the settings dataclass `group` at `key` with `values`.

    Raise `ConfigError` for the first unknown name or invalid value.
    """
    known = [item.name for item in fields(group)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            match = nearest(name, known)
            hint = f"; did you mean {key}.{match}?" if match else did_you_mean(name, known)
            raise ConfigError(f"{key}.{name}: there is no such setting{hint}")
    for setting in settings_in(group, f"{key}."):  # type: ignore[arg-type]  # a class can be hashed
        if setting.name in values:
            check_value(setting, values[setting.name])
    return group(**values)


def check_value(setting: Setting, value: Any) -> None:
    """Raise `ConfigError` if `value` has the wrong type, is not a valid choice, or is out of range."""
    check_type(value, setting.type, setting.key)
    problem = setting.rules.problem(setting.key, value)
    if problem:
        raise ConfigError(problem)
