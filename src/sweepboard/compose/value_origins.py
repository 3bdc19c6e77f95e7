"""Where every value of a composed configuration came from: a file, or what was typed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import OmegaConf

from sweepboard.compose.config_search import find_file, hydra_ready, load, shipped
from sweepboard.compose.hydra_errors import OWN_GROUPS, explain
from sweepboard.compose.option_names import with_names
from sweepboard.compose.schema import schema
from sweepboard.names import flatten

DEFAULT = "default"
"""Origin of a value that stands only in the schema."""


def origins(
    overrides: Sequence[str], config_dirs: Sequence[Path] = (), config_name: str = "config"
) -> dict[str, str]:
    """The origin of every leaf by its dotted key: `model/cnn.yaml`, a path in a user's folder, the override
    as typed, or `DEFAULT`. Raises `ConfigError` for what cannot be composed.

    Hydra's own list of defaults decides which files there are and in which order they count, so presets
    and files that include files need no rule here.
    """
    try:
        found = dict(_from_files(overrides, config_dirs, config_name))
    except Exception as error:
        raise explain(error, overrides, config_dirs) from error
    for key, override in _from_typed(overrides):
        below = (f"{key}.", f"{key}[")
        found = {one: origin for one, origin in found.items() if one != key and not one.startswith(below)}
        if not override.startswith("~"):
            found[key] = override
    return found


def _from_files(
    overrides: Sequence[str], config_dirs: Sequence[Path], config_name: str
) -> Iterator[tuple[str, str]]:
    """Every key that a file sets, in the order in which files are merged: the last one counts."""
    with hydra_ready(config_dirs) as hydra:
        loader = hydra.config_loader
        named = with_names(overrides, loader)
        listed = loader.compute_defaults_list(config_name, named, RunMode.RUN).defaults
    for default in listed:
        path = default.config_path or ""
        if path == "schema":
            yield from ((key, DEFAULT) for key in _keys(schema(), ""))
        elif not path.startswith("hydra/"):
            file, name = _file(path, config_dirs)
            yield from ((key, name) for key in _keys(load(file), default.package or ""))


def _file(path: str, config_dirs: Sequence[Path]) -> tuple[Path, str]:
    """The YAML file of an option and its name for people."""
    file = find_file(path, config_dirs)
    assert file is not None  # Hydra has found it
    is_ours = file.is_relative_to(shipped())
    return file, file.relative_to(shipped()).as_posix() if is_ours else str(file)


def _keys(config: Any, package: str) -> list[str]:
    tree: Any = OmegaConf.to_container(config, resolve=False)
    of_hydra = {"defaults"} if package else {"defaults", "hydra"}
    return [key for key, _ in flatten({k: v for k, v in tree.items() if k not in of_hydra}, package)]


def _from_typed(overrides: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every key that was typed with its override; choices of a group's option are files."""
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key, value = override.key_or_group, None if override.is_delete() else override.value()
        if isinstance(value, dict):
            yield from ((below, str(override.input_line)) for below, _ in flatten(value, key))
        elif (
            "/" not in key
            and not (key in OWN_GROUPS and not override.is_delete())
            and not key.startswith("hydra.")
        ):
            yield key, str(override.input_line)
