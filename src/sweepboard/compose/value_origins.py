"""Find the origin of every value in a composed configuration: a file or an override."""

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
from sweepboard.compose.program_yaml import PRIMARY
from sweepboard.compose.schema import schema
from sweepboard.names import flatten

DEFAULT = "default"
"""Origin of a value that only the schema sets."""


def origins(
    overrides: Sequence[str], config_dirs: Sequence[Path] = (), config_name: str = "config"
) -> dict[str, str]:
    """Return the origin of every leaf by dotted key. Raise `ConfigError` if composition fails.

    An origin is a shipped file (`model/cnn.yaml`), a path in a user's folder, an override as typed, or
    `DEFAULT`. Hydra computes the defaults list, so the files and their order are those of the composition.
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
    """Yield every key that a file sets, with the file, in merge order: the last file wins."""
    with hydra_ready(config_dirs) as hydra:
        loader = hydra.config_loader
        named = with_names(overrides, loader)
        listed = loader.compute_defaults_list(config_name, named, RunMode.RUN).defaults
    for default in listed:
        path = default.config_path or ""
        if path == "schema":
            yield from ((key, DEFAULT) for key in _keys(schema(), ""))
        elif path.startswith(PRIMARY):  # what a training function's configuration holds of ours
            node = loader.repository.load_config(path).config  # type: ignore[attr-defined]
            yield from ((key, DEFAULT) for key in _keys(node, ""))
        elif not path.startswith("hydra/"):
            file, name = _file(path, config_dirs)
            yield from ((key, name) for key in _keys(load(file), default.package or ""))


def _file(path: str, config_dirs: Sequence[Path]) -> tuple[Path, str]:
    """Return the YAML file of an option and its name for messages."""
    file = find_file(path, config_dirs)
    assert file is not None  # Hydra has found it
    is_ours = file.is_relative_to(shipped())
    return file, file.relative_to(shipped()).as_posix() if is_ours else str(file)


def _keys(config: Any, package: str) -> list[str]:
    tree: Any = OmegaConf.to_container(config, resolve=False)
    of_hydra = {"defaults"} if package else {"defaults", "hydra"}
    return [key for key, _ in flatten({k: v for k, v in tree.items() if k not in of_hydra}, package)]


def _from_typed(overrides: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield every typed key with its override, except choices of options, which load files."""
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
