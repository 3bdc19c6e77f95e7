"""Read the option of a config group as a name, even if Hydra's grammar reads it as a number or a boolean."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from sweepboard.compose.override_grammar import refuse_endless
from sweepboard.errors import ConfigError
from sweepboard.settings import CLOSED_GROUPS, GROUPS, OPEN_GROUPS

REQUIRED = tuple(group for group in (*OPEN_GROUPS, *CLOSED_GROUPS) if group not in ("optimizer", "scheduler"))
"""Groups that need an option in every run. Several optimizers may be typed without one."""

_NAME = re.compile(r"[^\[\],\s]+")
_NAMES = re.compile(r"[^{}()'\"$=]+")
_PLAIN = re.compile(r"(?!(?:true|false|null|nan|inf)\b)[a-z_][\w./-]*", re.IGNORECASE | re.ASCII)


def with_names(overrides: Sequence[str], loader: ConfigLoader) -> list[str]:
    """Return the overrides for Hydra: `experiment='001'` for `experiment=001`, `~experiment` for null."""
    _refuse_two_choices(overrides, loader)
    return [_with_names(override, loader) for override in overrides]


def is_group(key: str, loader: ConfigLoader) -> bool:
    """Return whether `key` (`model`, `model/act`, `model/act@model.a1`) is a config group."""
    return bool(loader.repository.group_exists(key.partition("@")[0]))  # type: ignore[attr-defined]


def _with_names(override: str, loader: ConfigLoader) -> str:
    refuse_endless(override)
    key, _, value = override.partition("=")
    _refuse_dot_for_slash(key, value, loader)
    if key.startswith("++") and not value.startswith("{") and is_group(key[2:], loader):
        raise ConfigError(f"{override}: an option is chosen without pluses; type {override[2:]}")
    if "." in key.partition("@")[0] or _PLAIN.fullmatch(value) or not _NAMES.fullmatch(value):
        return override
    if not is_group(key.lstrip("+~"), loader):
        return override
    if value.strip().lower() == "null" and key not in REQUIRED:
        options = loader.get_group_options(key, ObjectType.CONFIG)
        return f"{key}=none" if "none" in options else f"~{key}"
    return f"{key}={_NAME.sub(lambda found: _as_text(found[0]), value)}"


def _refuse_two_choices(overrides: Sequence[str], loader: ConfigLoader) -> None:
    """Raise `ConfigError` for an option beside the same group with `+` or `~`: Hydra may ignore one."""
    typed = {key: option for key, _, option in (override.partition("=") for override in overrides)}
    for key, option in typed.items():
        group, first = key[1:], typed.get(key[1:])
        if not first or first.startswith("{") or not is_group(group, loader):
            continue
        if key.startswith("~"):
            raise ConfigError(f"{key}: {group}={first} is typed, too; leave one of them out")
        if key.startswith("+") and group not in GROUPS:
            both = f"{first.strip('[]')},{option.strip('[]')}"
            raise ConfigError(f"{group}: is chosen twice; write {group}=[{both}]")


def _refuse_dot_for_slash(key: str, value: str, loader: ConfigLoader) -> None:
    group = key.lstrip("+").replace(".", "/")
    if "." in key and is_group(group, loader) and value in loader.get_group_options(group, ObjectType.CONFIG):
        raise ConfigError(f"{key}={value}: is an option of a group; type {group}={value}")


def _as_text(name: str) -> str:
    try:
        value = OverridesParser.create().parse_override(f"x={name}").value()
    except HydraException:  # reported when the whole override is parsed
        return name
    return name if value is None or isinstance(value, str) else f"'{name}'"
