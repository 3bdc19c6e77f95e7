"""A sweep as Hydra starts it, but for words that hold for options which only the points choose."""

from __future__ import annotations

from collections.abc import Sequence

from hydra._internal.callbacks import Callbacks
from hydra._internal.hydra import Hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode, TaskFunction
from omegaconf import DictConfig

from sweepboard.compose.user_imports import import_modules
from sweepboard.settings import OPEN_GROUPS
from sweepboard.sweeps.sweep_overrides import key_of, typed_words


def multirun(hydra: Hydra, name: str, task: TaskFunction, overrides: Sequence[str]) -> None:
    """As `Hydra.multirun`, which lays every word with one value over the default options.

    `model=a,b model/act=tanh` is no mistake where the default model has no `act`.
    """
    config = _composed(hydra, name, overrides)
    callbacks = Callbacks(config)
    callbacks.on_multirun_start(config=config, config_name=name)
    context = HydraContext(hydra.config_loader, callbacks)
    sweeper = Plugins.instance().instantiate_sweeper(config=config, hydra_context=context, task_function=task)
    sweeper.sweep(arguments=typed_words(config))
    callbacks.on_multirun_end(config=config, config_name=name)


def _composed(hydra: Hydra, name: str, overrides: Sequence[str]) -> DictConfig:
    """The configuration of the sweep as a whole, all words in it."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    words = [str(each.input_line) for each in parsed if not _is_of_points(each, _swept(parsed))]
    config: DictConfig = hydra.compose_config(
        config_name=name, overrides=words, run_mode=RunMode.MULTIRUN, with_log_configuration=True
    )
    import_modules(config)
    config.hydra.overrides.task = [str(each.input_line) for each in parsed if not each.is_hydra_override()]
    return config


def _swept(overrides: Sequence[Override]) -> set[str]:
    """The groups of which several options are tried; presets may choose any option."""
    swept = {key_of(each.get_key_element()) for each in overrides if each.is_sweep_override()}
    return swept | set(OPEN_GROUPS) if "experiment" in swept else swept


def _is_of_points(override: Override, swept: set[str]) -> bool:
    """Whether the word says something of what stands in a group of which several options are tried."""
    key = key_of(override.get_key_element())
    group = key.replace("/", ".").partition(".")[0]
    return group in swept and key not in swept and group != key
