"""The whole configuration of a run as typed dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from sweepboard.settings.dataset import DatasetSettings
from sweepboard.settings.field import setting
from sweepboard.settings.logging import LoggingSettings
from sweepboard.settings.optimizer import NamedOptimizerSettings, OptimizerSettings
from sweepboard.settings.sweep import SweepSettings
from sweepboard.settings.trainer import SchedulerSettings, TrainerSettings
from sweepboard.settings.weights import WeightsSettings

OPEN_GROUPS = ("model", "dataset", "optimizer", "scheduler", "task")
"""Groups whose keys are arguments of the constructor that `_target_` names."""

CALLBACKS, LOGGERS = "callbacks", "loggers"

NAMED_GROUPS = (CALLBACKS, LOGGERS)
"""Groups of any number of entries: each a name with a class by `_target_` and its arguments."""

CLOSED_GROUPS = ("trainer", "logging")
"""Groups whose keys are settings of the runner, and no others."""

GROUPS = (*OPEN_GROUPS, *NAMED_GROUPS, *CLOSED_GROUPS)

SHARED_KEYS: dict[str, type] = {
    "dataset": DatasetSettings,
    "optimizer": OptimizerSettings,
    "scheduler": SchedulerSettings,
}
"""Keys of open groups that belong to the runner and are never handed to the constructor."""

NAMED_FUNCTIONS = ("collate_fn", "sampler", "batch_sampler", "worker_init_fn", "batch_transform")
"""Keys of `dataset` that are the dotted name of a function or class, or a node with a `_target_`."""

DATASET_PARTS = ("test", "val", "classes", "eval_transform", "eval", *NAMED_FUNCTIONS)
"""Keys of `dataset` that belong to the runner unless the constructor has an argument of that name."""

KEYS_OF_ONE: dict[str, type] = {"optimizer": NamedOptimizerSettings, "scheduler": SchedulerSettings}
"""The same in the nodes of one of several objects in a group: `optimizer.generator.params`."""

NOT_OF_A_RUN = ("sweep", "imports")
"""How jobs are run, and what the values were made by: left out of a run's own configuration."""

KEPT_BY_ANY_CLASS = {"optimizer": ("lr",), "dataset": ("root",)}
"""Arguments that are kept when a class is replaced with another one that takes them."""

ROOT = "dataset.root"
"""Where data lies: an argument of those data sets that are read from a folder."""


@dataclass
class Facts:
    """Values computed from the data set and the length, for use as `${facts.…}`; never set by hand."""

    input_shape: list[int] | None = None
    """One sample's shape: `[channels, height, width]` of an image, `[features]` of a vector."""

    outputs: int | None = None
    """Numbers that the model gives per sample: one per class, or one per target number."""

    classes: int | None = None
    """Classes; null where the targets are real numbers."""

    channels: int | None = None
    """First dimension of `input_shape`."""

    features: int | None = None
    """Numbers in one sample, whatever its shape."""

    steps: int | None = None
    """Optimizer updates in the whole run."""

    epochs: int | None = None
    """Passes over the training data in the whole run, a last incomplete one counted."""

    steps_per_epoch: int | None = None
    """Optimizer updates in one pass over the training data."""


@dataclass
class Config:
    """The configuration of a run."""

    seed: int = setting(0, "result", minimum=0, maximum=2**32 - 1)  # what every library that is seeded takes
    """Start of every random sequence: weights, order of samples, augmentation, dropout."""

    device: str = setting(
        "auto",
        "result",
        choices=("auto", "cpu", "cuda", "cuda:1", "mps"),
        pattern=r"cuda:\d+",
        condition="arithmetic",
    )
    """Where to compute: `cpu`, `cuda`, `cuda:1`, `mps`; `auto` takes the first of cuda, mps, cpu."""

    threads: int | None = setting(None, "result", minimum=1, untrusted_maximum=1024, condition="arithmetic")
    """CPU threads of torch, part of the record because they change the last bits; null takes
    OMP_NUM_THREADS, or all cores, in a sweep divided by the jobs that run at once."""

    output_root: str = setting("outputs", "place")
    """The folder below which every run gets its own."""

    imports: list[str] = setting([], "place")
    """Modules of your own to import first, which register resolvers (`OmegaConf.register_new_resolver`)."""

    model: dict[str, Any] = field(default_factory=dict)
    """The network: a class by `_target_` and its arguments."""

    dataset: dict[str, Any] = field(default_factory=dict)
    """The data: a class by `_target_`, its arguments, and how it is split and batched."""

    optimizer: dict[str, Any] = field(default_factory=dict)
    """The optimizer: a class by `_target_` and its arguments but the parameters; or several by name."""

    scheduler: dict[str, Any] = field(default_factory=dict)
    """The learning-rate schedule: a class by `_target_`, its arguments, and when it steps; or several, which
    are parts of one schedule, or each for the optimizer of its name."""

    task: dict[str, Any] = field(default_factory=dict)
    """Loss and metrics: a class by `_target_` and its arguments."""

    callbacks: dict[str, Any] = field(default_factory=dict)
    """What follows the training, by name: each a class by `_target_` and its arguments."""

    loggers: dict[str, Any] = field(default_factory=dict)
    """Where results are logged beside the board, by name: each a class by `_target_` and its arguments."""

    weights: WeightsSettings = field(default_factory=WeightsSettings)
    """The weights that the model begins with, from a file or from another run."""

    trainer: TrainerSettings = field(default_factory=TrainerSettings)
    """Length, arithmetic and schedule of the run."""

    logging: LoggingSettings = field(default_factory=LoggingSettings)
    """What is written to the board."""

    sweep: SweepSettings = field(default_factory=SweepSettings)
    """Which jobs a sweep has and how they are run; no part of a job's own configuration."""

    facts: Facts = field(default_factory=Facts)
    """What the data set and the length of the run decide; to be referred to, not set."""


TOP_LEVEL = tuple(item.name for item in fields(Config))
"""The keys of `Config`, in the order of its definition."""
