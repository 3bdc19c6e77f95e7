"""Check the names, types, choices and ranges of the runner's own settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sweepboard.compose.read_settings import check_value
from sweepboard.errors import ConfigError, did_you_mean, nearest
from sweepboard.names import flatten
from sweepboard.settings import (
    GROUPS,
    LAUNCHER,
    NAMED_GROUPS,
    OPEN_GROUPS,
    PROGRAM,
    SEARCH,
    SHARED_KEYS,
    plugin_settings,
    settings,
    settings_in,
)

_OF_HYDRA = ("hydra/sweeper", "hydra/launcher", "hydra/job_logging", "hydra/hydra_logging")
"""Config groups of Hydra's own."""

_READ_WHOLE = ("dataset", "scheduler")
"""Groups of which every setting of the runner is needed."""


def check_settings(config: Mapping[str, Any]) -> None:
    """Check every setting of the runner in the plain, resolved `config`.

    Raise `ConfigError` for the first invalid one, with its key and its valid values.
    """
    _check_folders(config)
    for key, value in _own_settings(config):
        if key not in settings():
            raise unknown_key(key)
        check_value(settings()[key], value)
    for group in _READ_WHOLE:
        for item in fields(SHARED_KEYS[group]):
            if item.name not in config[group]:  # a record may put one group in the place of another
                raise ConfigError(f"{group}.{item.name}: is missing; give it a value")


def _own_settings(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the runner's own settings by flat key, including its own keys in the open groups."""
    for key, value in flatten(config):
        group, _, rest = key.partition(".")
        shared = {item.name for item in fields(SHARED_KEYS[group])} if group in SHARED_KEYS else set()
        if group not in ("facts", *NAMED_GROUPS) and (group not in OPEN_GROUPS or rest in shared):
            yield key, value


def unknown_key(key: str, own_keys: Sequence[str] = ()) -> ConfigError:
    """Return the error for an unknown key, with the nearest known key.

    `own_keys` are all keys of the configuration of a training function of the user's own.
    """
    if own_keys:
        likely = nearest(key, {*own_keys, *(name.partition(".")[0] for name in own_keys)})
        hint = f"did you mean {likely}? " if likely else ""
        advice = "" if key.startswith((f"{PROGRAM}.", "sweep.")) else "a new one is typed with a + before it"
        return ConfigError(f"{key}: there is no such key; {hint}{advice}".rstrip("; "))
    if key.startswith(f"{SEARCH}.") and setting_like(key) == key:
        return ConfigError(f"{key}: is of a search; add hydra/sweeper=optuna")
    group = key.partition("/")[0]
    if group != key and group == "hydra":
        return ConfigError(f"{key}: there is no such group{did_you_mean(key, _OF_HYDRA)}")
    if group != key and group in GROUPS:
        return ConfigError(f"{key}: there is no such group here; one of your own needs its --config-dir")
    return ConfigError(f"{key}: there is no such setting{did_you_mean_key(key)}")


def did_you_mean_key(key: str) -> str:
    """Return the end of a message about an unknown key: the setting that was probably meant."""
    likely = setting_like(key)
    return f"; did you mean {likely}?" if likely else "; sweepboard --help lists them all"


def setting_like(key: str) -> str | None:
    """Return the setting or group with the same last name or nearest to `key`, or None."""
    valid = ["optimizer.lr", *settings()]
    for block in (SEARCH, LAUNCHER):
        if key.startswith(f"{block}."):
            valid = [each.key for group in plugin_settings(block) for each in settings_in(group, f"{block}.")]
    if "." not in key:
        valid += [*GROUPS, "experiment"]
    name = key.rpartition(".")[2]
    same = [candidate for candidate in valid if candidate.rpartition(".")[2] == name]
    return same[0] if same else nearest(key, valid)


def _check_folders(config: Mapping[str, Any]) -> None:
    # An empty path often comes from an unset shell variable; Python would use the working directory.
    for key, folder in (
        ("dataset.root", config["dataset"].get("root")),
        ("output_root", config["output_root"]),
    ):
        if isinstance(folder, str) and not folder.strip():
            raise ConfigError(f"{key}: names no folder; give one, which may be . for the working directory")
