"""Import the user's modules that register resolvers for `${...}` in YAML."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweepboard.compose.locate import import_named
from sweepboard.errors import ConfigError


def import_modules(config: DictConfig) -> None:
    """Import the modules that `imports` names in a newly composed configuration. Raise `ConfigError`.

    Do not call this for a saved configuration: it is resolved, and its `imports` must not be trusted.
    """
    names: Any = OmegaConf.to_container(config.imports, resolve=False) if "imports" in config else []
    for name in names:
        if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
            raise ConfigError(f"imports: {name!r} is not the dotted name of a module")
        if import_named(name, "imports") is None:
            raise ConfigError(f"imports: there is no module {name} here or among the installed packages")
