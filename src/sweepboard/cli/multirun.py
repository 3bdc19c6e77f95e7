"""Start a sweep as Hydra does, but apply overrides of swept options only to the points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from sweepboard.compat.hydra import Hydra, callbacks_of
from sweepboard.compose.user_imports import import_modules
from sweepboard.settings import NAMED_GROUPS, OPEN_GROUPS
from sweepboard.sweeps.sweep_overrides import key_of, typed_overrides

if TYPE_CHECKING:
    from sweepboard.sweeps.hydra_task import SweepTask
    from sweepboard.sweeps.sweep_result import SweepResult


def multirun(hydra: Hydra, name: str, task: SweepTask, overrides: Sequence[str]) -> SweepResult:
    """Do what `Hydra.multirun` does, but apply overrides of a swept group only to its points.

    `model=a,b model/act=tanh` is valid even if the default model has no `act`.
    """
    from sweepboard.sweeps.hydra_plugins import SweepRequest
    from sweepboard.sweeps.sweep_result import SweepResult, result_in

    config = _composed(hydra, name, overrides)
    callbacks = callbacks_of(config)
    callbacks.on_multirun_start(config=config, config_name=name)
    context = HydraContext(hydra.config_loader, callbacks)
    sweeper = Plugins.instance().instantiate_sweeper(config=config, hydra_context=context, task_function=task)
    returned = sweeper.sweep(arguments=typed_overrides(config))
    callbacks.on_multirun_end(config=config, config_name=name)
    if isinstance(returned, SweepResult):
        return returned
    return result_in(SweepRequest(context, task, config).folder)  # the sweeper is not ours


def _composed(hydra: Hydra, name: str, overrides: Sequence[str]) -> DictConfig:
    """Return the configuration of the sweep as a whole, with all overrides in it."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    overrides = [str(each.input_line) for each in parsed if not _is_of_points(each, _swept(parsed))]
    config: DictConfig = hydra.compose_config(
        config_name=name, overrides=overrides, run_mode=RunMode.MULTIRUN, with_log_configuration=True
    )
    import_modules(config)
    config.hydra.overrides.task = [str(each.input_line) for each in parsed if not each.is_hydra_override()]
    return config


def _swept(overrides: Sequence[Override]) -> set[str]:
    """Return the groups with several options; presets may choose any option."""
    swept = {key_of(each.get_key_element()) for each in overrides if each.is_sweep_override()}
    return swept | {*OPEN_GROUPS, *NAMED_GROUPS} if "experiment" in swept else swept


def _is_of_points(override: Override, swept: set[str]) -> bool:
    """Return whether an override belongs to a group with several options."""
    key = key_of(override.get_key_element())
    group = key.replace("/", ".").partition(".")[0]
    return group in swept and key not in swept and group != key
