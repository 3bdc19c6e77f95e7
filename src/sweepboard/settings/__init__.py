"""Every setting of the runner, written once: type, default, docstring, rules and effect.

This room imports neither torch nor Hydra nor other rooms, so any file may use it.
"""

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
from sweepboard.settings.program import PROGRAM, ProgramSettings, is_program
from sweepboard.settings.queries import (
    Setting,
    conditions,
    effect_of,
    keys_with,
    settings,
    settings_in,
    unused,
)
from sweepboard.settings.ray import RaySettings
from sweepboard.settings.search import SEARCH, SearchSettings
from sweepboard.settings.slurm import LAUNCHER, SlurmSettings
from sweepboard.settings.sweep import SweepSettings
from sweepboard.settings.trainer import CheckpointSettings, EarlyStopping, SchedulerSettings, TrainerSettings
from sweepboard.settings.weights import WEIGHTS, WeightsSettings

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
    "setting",
    "settings",
    "settings_in",
    "unused",
]
