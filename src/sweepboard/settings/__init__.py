"""Every setting of the runner, written once: type, default, docstring, rules and effect.

This room imports neither torch nor Hydra nor other rooms, so any file may use it. Settings of plug-ins
are imported when they are first used: few runs need them.
"""

from typing import TYPE_CHECKING

from sweepboard.lazy_exports import lazy_exports
from sweepboard.settings.checks import check_values
from sweepboard.settings.config import (
    CALLBACKS,
    CLOSED_GROUPS,
    DATASET_PARTS,
    GROUPS,
    KEPT_BY_ANY_CLASS,
    KEYS_OF_ONE,
    LOGGERS,
    NAMED_FUNCTIONS,
    NAMED_GROUPS,
    NOT_OF_A_RUN,
    OPEN_GROUPS,
    ROOT,
    SHARED_KEYS,
    TOP_LEVEL,
    Config,
    Facts,
)
from sweepboard.settings.dataset import DatasetSettings
from sweepboard.settings.docstrings import field_texts
from sweepboard.settings.field import Effect, Plugin, Rules, setting
from sweepboard.settings.logging import LoggingSettings
from sweepboard.settings.optimizer import (
    NamedOptimizerSettings,
    OptimizerSettings,
    ParameterGroupSettings,
)
from sweepboard.settings.plugins import LAUNCHER, SEARCH, plugin_settings
from sweepboard.settings.program import PROGRAM, SCRIPT, ProgramSettings, is_program
from sweepboard.settings.queries import (
    Setting,
    conditions,
    effect_of,
    keys_with,
    settings,
    settings_in,
    unused,
)
from sweepboard.settings.sweep import SweepSettings
from sweepboard.settings.trainer import CheckpointSettings, EarlyStopping, SchedulerSettings, TrainerSettings
from sweepboard.settings.weights import WEIGHTS, WeightsSettings

if TYPE_CHECKING:
    from sweepboard.settings.ray import RaySettings
    from sweepboard.settings.search import SearchSettings
    from sweepboard.settings.slurm import SlurmSettings

_, __getattr__ = lazy_exports(
    __name__,
    {
        "RaySettings": "sweepboard.settings.ray",
        "SearchSettings": "sweepboard.settings.search",
        "SlurmSettings": "sweepboard.settings.slurm",
    },
)

__all__ = [
    "CALLBACKS",
    "CLOSED_GROUPS",
    "DATASET_PARTS",
    "GROUPS",
    "LAUNCHER",
    "LOGGERS",
    "NAMED_GROUPS",
    "NAMED_FUNCTIONS",
    "KEPT_BY_ANY_CLASS",
    "KEYS_OF_ONE",
    "NOT_OF_A_RUN",
    "OPEN_GROUPS",
    "PROGRAM",
    "ROOT",
    "SCRIPT",
    "SEARCH",
    "SHARED_KEYS",
    "TOP_LEVEL",
    "WEIGHTS",
    "CheckpointSettings",
    "Config",
    "DatasetSettings",
    "EarlyStopping",
    "Effect",
    "Facts",
    "LoggingSettings",
    "NamedOptimizerSettings",
    "OptimizerSettings",
    "ParameterGroupSettings",
    "Plugin",
    "ProgramSettings",
    "RaySettings",
    "Rules",
    "SchedulerSettings",
    "SearchSettings",
    "Setting",
    "SlurmSettings",
    "SweepSettings",
    "TrainerSettings",
    "WeightsSettings",
    "check_values",
    "conditions",
    "effect_of",
    "field_texts",
    "is_program",
    "keys_with",
    "plugin_settings",
    "setting",
    "settings",
    "settings_in",
    "unused",
]
