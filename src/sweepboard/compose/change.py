"""A saved, resolved configuration with overrides on top: what `rerun` and `resume` start from.

The saved values stand, whatever the defaults have become since. A key that followed another one
(`scheduler.max_lr` the learning rate) follows it still, unless it is itself overridden.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from sweepboard.compose.links import links_of, resolved
from sweepboard.compose.mistakes import explain
from sweepboard.compose.schema import OPEN_GROUPS
from sweepboard.compose.source import hydra_ready
from sweepboard.errors import ConfigError

GROUPS = (*OPEN_GROUPS, "trainer", "logging")
"""Groups whose option a rerun may take anew. A preset changes several at once and is not one of them."""


@dataclass
class Recipe:
    """A configuration that can still be changed: plain values, keys that follow others, options chosen."""

    config: dict[str, Any]
    links: dict[str, str]
    groups: dict[str, str]
    overrides: list[str]
    """All that was typed, then and now."""

    def changed(self, overrides: Sequence[str], config_dirs: Sequence[Path] = ()) -> Recipe:
        """This recipe with `overrides` in Hydra's grammar applied. Raises `ConfigError`."""
        new = deepcopy(self)
        for override in _parsed(overrides):
            if override.key_or_group in GROUPS and isinstance(override.value(), str):
                new._choose(override.key_or_group, str(override.value()), config_dirs)
            else:
                new._set(override)
            new.overrides.append(str(override.input_line))
        return new

    def _choose(self, group: str, option: str, config_dirs: Sequence[Path]) -> None:
        """Take another option of a group; what was typed for keys that it also has stays typed."""
        fresh = _composed([f"{group}={option}"], config_dirs)
        values = OmegaConf.to_container(fresh[group], resolve=True)
        assert isinstance(values, dict)  # and not a list or a text, for a group
        kept = [word for word in self.overrides if _belongs(word, group, set(map(str, values)))]
        self._drop_links(group)
        self.config[group] = values
        self.links |= {key: to for key, to in links_of(fresh).items() if key.startswith(f"{group}.")}
        self.groups[group] = option
        for override in _parsed(kept):
            self._set(override)

    def _set(self, override: Override) -> None:
        key = override.key_or_group
        if override.is_sweep_override():
            raise ConfigError(f"{key}: one value is wanted here; several are a sweep (sweepboard -m ...)")
        *path, name = key.split(".")
        parent = self.config
        for part in path:
            parent = parent.setdefault(part, {})
            if not isinstance(parent, dict):
                raise ConfigError(f"{key}: {part} is a value and has no keys")
        self._drop_links(key)
        if override.is_delete():
            parent.pop(name, None)
        else:
            self._enter(parent, name, key, override.value())

    def _enter(self, parent: dict[str, Any], name: str, key: str, value: Any) -> None:
        """A typed value, its resolvers (`${oc.env:LR}`) resolved now; `${other.key}` becomes a link."""
        typed: DictConfig = OmegaConf.create({"value": value})
        links = {key + one.removeprefix("value"): to for one, to in links_of(typed).items()}
        self.links |= links
        parent[name] = None if key in links else resolved(typed)["value"]

    def _drop_links(self, key: str) -> None:
        below = (f"{key}.", f"{key}[")
        self.links = {one: to for one, to in self.links.items() if one != key and not one.startswith(below)}


def _parsed(overrides: Sequence[str]) -> list[Override]:
    try:
        return list(OverridesParser.create().parse_overrides(list(overrides)))
    except HydraException as error:
        raise explain(error, list(overrides)) from error


def _belongs(word: str, group: str, keys: set[str]) -> bool:
    """Whether an earlier override is of a key that the group's new option has too."""
    key = word.lstrip("+").partition("=")[0]
    return key.startswith(f"{group}.") and key.split(".")[1] in keys and not word.startswith("~")


def _composed(overrides: list[str], config_dirs: Sequence[Path]) -> DictConfig:
    try:
        with hydra_ready(config_dirs):
            return compose("config", overrides)
    except Exception as error:
        raise explain(error, overrides, config_dirs) from error
