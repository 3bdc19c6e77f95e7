"""Settings from plain values: what a file or the command line gives, checked by type, choices and range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from sweepboard.compose.call_checks import check_type
from sweepboard.errors import ConfigError, did_you_mean
from sweepboard.settings import Setting, settings_in

S = TypeVar("S")


def read_settings(group: type[S], values: Mapping[str, Any], key: str) -> S:
    """Return the settings dataclass `group`, which stands at `key`, with these values.

    Raise `ConfigError` for the first name that is no setting of it, or value that is not valid.
    """
    known = [item.name for item in fields(group)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise ConfigError(f"{key}.{name}: there is no such setting{did_you_mean(name, known)}")
    for setting in settings_in(group, f"{key}."):
        if setting.name in values:
            check_value(setting, values[setting.name])
    return group(**values)


def check_value(setting: Setting, value: Any) -> None:
    """Raise `ConfigError` where `value` is of another type, none of the choices, or out of the range."""
    check_type(value, setting.type, setting.key)
    problem = setting.rules.problem(setting.key, value)
    if problem:
        raise ConfigError(problem)
