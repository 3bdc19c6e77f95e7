"""The launcher of a sweep: frozen with the plan, and used again on resume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from sweepboard.compose.config_search import CONFIG, hydra_ready
from sweepboard.compose.hydra_errors import PLUGINS, explain, missing_class
from sweepboard.errors import ConfigError, did_you_mean
from sweepboard.execution import Executor, Resources, local_resources
from sweepboard.names import key_of
from sweepboard.secrets import is_masked
from sweepboard.settings import Plugin, SweepSettings, settings_in

GROUP, BLOCK = "hydra/launcher", "hydra.launcher."
"""The keys that select and configure a launcher."""

_SUBMITIT = "submitit_slurm"

_HOMES = ("hydra_plugins.", "hydra._internal.core_plugins.")
"""The packages whose launchers Hydra accepts."""


def _local() -> dict[str, Any]:
    return {"_target_": "hydra_plugins.sweepboard.local.LocalLauncher"}


@dataclass(frozen=True)
class LauncherChoice:
    """An option of `hydra/launcher`, and the settings composed under `hydra.launcher`."""

    option: str = "local"
    settings: dict[str, Any] = field(default_factory=_local)

    @staticmethod
    def of(config: DictConfig) -> LauncherChoice:
        """Return the launcher of a composed configuration with its `hydra` block."""
        option = str(config.hydra.runtime.choices.get(GROUP))
        plain: Any = OmegaConf.to_container(config.hydra.launcher, resolve=True, enum_to_str=True)
        return LauncherChoice(option, dict(plain))

    def executor(self, settings: SweepSettings) -> Executor | None:
        """Return the executor for its jobs; None for a launcher that calls our task itself.

        Raise `ConfigError` if its plug-in is not installed.
        """
        plugin = self._plugin()
        if not hasattr(plugin, "executor"):  # no `issubclass`: Hydra may load a plug-in's module twice
            return None
        launcher = plugin(**{key: value for key, value in self.settings.items() if key != "_target_"})
        executor: Executor = launcher.executor(settings)
        return executor

    def resources(self, executor: Executor | None) -> Resources:
        """Return what its jobs share: what its executor says, submitit's settings, or this machine's."""
        if executor is not None:
            return executor.resources()
        if ".hydra_submitit_launcher." not in str(self.settings.get("_target_")) or self.option != _SUBMITIT:
            return local_resources()
        gpus = tuple(map(str, range(int(self.settings.get("gpus_per_node") or 0))))
        return Resources(int(self.settings.get("cpus_per_task") or 1), gpus=gpus, jobs=1, here=False)

    def refuse_limits(self, settings: SweepSettings) -> None:
        """Raise `ConfigError` for limits that a launcher without an executor would ignore."""
        refuse_settings(settings, "launcher", self.option, "local")

    def _plugin(self) -> Any:
        target = str(self.settings.get("_target_"))
        module, _, name = target.rpartition(".")
        if not target.startswith(_HOMES):
            raise ConfigError(f"{GROUP}={self.option}: {target} is no launcher of Hydra's")
        try:
            found = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            package = PLUGINS.get(self.option)
            if package is None:  # its class was typed
                raise ConfigError(f"hydra: {missing_class(target)}") from error
            raise ConfigError(
                f"{GROUP}={self.option}: is not installed here; pip install {package}, or add {GROUP}=local"
            ) from error
        return found


def refuse_settings(settings: SweepSettings, plugin: Plugin, option: str, ours: str) -> None:
    """Raise `ConfigError` for the first setting of our plug-in `ours` that `option` would ignore."""
    for each in settings_in(SweepSettings, "sweep."):
        if each.rules.plugin == plugin and getattr(settings, each.name) != each.default:
            raise ConfigError(
                f"{each.key}: hydra/{plugin}={option} knows nothing of it; use hydra/{plugin}={ours}"
            )


def is_of_launcher(override: str) -> bool:
    """Return whether an override chooses or sets the launcher."""
    return key_of(override) == GROUP or key_of(override).startswith(BLOCK)


def changed_launcher(frozen: LauncherChoice, overrides: Sequence[str]) -> LauncherChoice:
    """Return the launcher after the overrides typed with `resume`. Raise `ConfigError`."""
    mine = [override for override in overrides if is_of_launcher(override)]
    chosen = [override for override in mine if key_of(override) == GROUP]
    choice = _composed(chosen) if chosen else frozen
    settings = dict(choice.settings)
    for override in OverridesParser.create().parse_overrides([each for each in mine if each not in chosen]):
        name = override.key_or_group.removeprefix(BLOCK)
        if name not in settings:
            raise ConfigError(f"{BLOCK}{name}: there is no such setting{did_you_mean(name, settings)}")
        settings[name] = override.value()
    for name, value in settings.items():
        if is_masked(value):
            raise ConfigError(f"{BLOCK}{name}: was a secret and is not in the plan: give it again")
    return LauncherChoice(choice.option, settings)


def _composed(overrides: Sequence[str]) -> LauncherChoice:
    try:
        with hydra_ready() as hydra:
            composed = hydra.compose_config(CONFIG, list(overrides), RunMode.MULTIRUN)
    except Exception as error:
        raise explain(error, overrides) from error
    return LauncherChoice.of(composed)
