"""Modules of the user's own that are imported first: they register resolvers for `${...}` in YAML."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweepboard.compose.locate import import_named
from sweepboard.errors import ConfigError


def import_modules(config: DictConfig) -> None:
    """Import what `imports` names in a configuration just composed from what was typed and own YAML.

    A configuration that was saved has its values, and what it says of imports is never followed. Raises
    `ConfigError`.
    """
    names: Any = OmegaConf.to_container(config.imports, resolve=False) if "imports" in config else []
    for name in names:
        if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
            raise ConfigError(f"imports: {name!r} is not the dotted name of a module")
        if import_named(name, "imports") is None:
            raise ConfigError(f"imports: there is no module {name} here or among the installed packages")
