"""Compose the configuration of each point of a sweep with Hydra, reading the YAML once for all points.

Hydra takes 60 ms to compose a configuration, most of it to select the options of the groups. So the points
that select the same options share one composition: each sets its values on a copy, by Hydra's own function.
All points see the same YAML because it is read once.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig, OmegaConf

from sweepboard.compat.hydra import is_node, setting_changed_by_a_point, value_of
from sweepboard.compose.hydra_errors import explain
from sweepboard.compose.locate import TARGET
from sweepboard.compose.option_names import with_names
from sweepboard.compose.overrides import apply_overrides
from sweepboard.compose.replaced_classes import follow_targets, follow_typed_targets
from sweepboard.compose.user_imports import import_modules
from sweepboard.errors import ConfigError
from sweepboard.sweeps.sweep_overrides import is_setting, key_of, typed_overrides

_OF_THE_SWEEP = ("hydra.mode", "hydra.sweeper", "hydra.launcher", "hydra.sweep", "sweep")


class Composer:
    """Compose points on top of `master`, the configuration that Hydra composed for the sweep as a whole."""

    def __init__(self, loader: ConfigLoader, master: DictConfig, config_dirs: Sequence[Path] = ()) -> None:
        self._loader, self._master, self._config_dirs = loader, master, config_dirs
        self._parser = OverridesParser.create(loader)
        self._compositions: dict[tuple[str, ...], bytes] = {}
        self._last: tuple[object, DictConfig | None] = None, None
        self._parsed: dict[str, Override] = {}

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """Return the configuration of one point, with its `hydra` block. Raise `ConfigError`.

        It is valid until the next call, which may change it: points that set the same keys share one.
        """
        values = [override for override in overrides if self.sets_a_value(override)]
        options = [override for override in overrides if override not in values]
        try:
            parsed = [self._parse(override) for override in values]
            config = self._base(options, parsed)
            before = config.copy() if any(TARGET in value for value in values) else config
            apply_overrides(parsed, config)
            follow_typed_targets(config, overrides, before)
        except Exception as error:
            raise explain(error, overrides, self._config_dirs) from error
        OmegaConf.set_readonly(config.hydra, None)  # `HydraConfig` set it for the point before
        config.hydra.overrides.task = list(overrides)
        import_modules(config)
        return config

    def _parse(self, override: str) -> Override:
        if override not in self._parsed:  # most points share most overrides
            [self._parsed[override]] = self._parser.parse_overrides([override])
        return self._parsed[override]

    def _base(self, options: Sequence[str], values: Sequence[Override]) -> DictConfig:
        """Return a configuration of these options, to which `values` are applied next.

        Numbers and texts replace those of the point before; a list or a mapping may add to them, a class
        drops the arguments of another, and what is added or deleted for a point is not there for the next.
        """
        single = all(
            isinstance(value_of(each), int | float | str | None)
            and TARGET not in each.key_or_group
            and not each.is_add()
            and not each.is_delete()
            for each in values
        )
        kind = (options, [each.key_or_group for each in values]) if single else None
        known, config = self._last
        if kind is None or kind != known or config is None:
            config = pickle.loads(self._composition(tuple(options)))
        self._last = kind, config
        return config

    def _composition(self, overrides: tuple[str, ...]) -> bytes:
        if overrides not in self._compositions:
            composed = self._composed_by_hydra(overrides)
            OmegaConf.get_cache(composed).pop("now", None)  # of the master: the sweep may be an earlier one
            self._refuse_sweep_settings(composed, overrides)
            self._follow_targets(composed, overrides)
            self._compositions[overrides] = pickle.dumps(composed)  # unpickled six times faster than copied
        return self._compositions[overrides]

    def _composed_by_hydra(self, overrides: tuple[str, ...]) -> DictConfig:
        try:
            return self._loader.load_sweep_config(self._master, with_names(overrides, self._loader))
        except ConfigCompositionException as error:
            key = setting_changed_by_a_point(error)
            if key is None:
                raise
            raise _is_a_sweep(overrides, key) from error

    def _follow_targets(self, composed: DictConfig, overrides: Sequence[str]) -> None:
        hydra: Any = self._master.hydra
        every = with_names([*hydra.overrides.hydra, *overrides], self._loader)
        choices = dict(composed.hydra.runtime.choices)
        follow_targets(composed, every, choices, self._config_dirs, hydra.job.config_name)

    def _refuse_sweep_settings(self, composed: DictConfig, overrides: Sequence[str]) -> None:
        """Raise `ConfigError` if an option changes the sweep's own settings, which are already in use."""
        typed = [override for override in typed_overrides(self._master) if is_setting(override)]
        whole = composed.copy()
        apply_overrides(self._parser.parse_overrides(typed), whole)
        for key in _OF_THE_SWEEP:
            if _written(whole, key) != _written(self._master, key):
                raise _is_a_sweep(overrides, key)

    def sets_a_value(self, override: str) -> bool:
        """Return whether the override changes a value and not a group (`model`, `model/act@model.second`)."""
        key = override.partition("=")[0].lstrip("+~")
        if "." in key:
            return not {"/", "@"} & set(key) and not key.startswith("hydra.")
        return key in self._master and not is_node(self._master, key)


def _is_a_sweep(overrides: Sequence[str], key: str) -> ConfigError:
    option = next(
        (override for override in overrides if key_of(override) == "experiment"), " ".join(overrides)
    )
    name = option.partition("=")[2]
    return ConfigError(
        f"{option} is a sweep itself: start it alone (it sets {key}), "
        f"or leave it out with experiment=glob(*,exclude={name})"
    )


def _written(config: DictConfig, key: str) -> Any:
    """Return a value without resolving its interpolations, which may refer to a job's overrides."""
    node = OmegaConf.select(config, key)
    return OmegaConf.to_container(node, resolve=False) if OmegaConf.is_config(node) else node
