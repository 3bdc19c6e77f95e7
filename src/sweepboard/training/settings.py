"""Settings of the training loop (no torch in here; the config system reads these classes too)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class SchedulerSettings:
    """Keys of the `scheduler` group that belong to the runner; all others go to its constructor."""

    interval: str = "step"
    """When the scheduler steps: after each update (`step`), `epoch`, or `validation` (with its metric)."""

    metric: str = "loss"
    """Validation metric handed to a scheduler that steps at each `validation`."""


@dataclass
class EarlyStopping:
    """Stop when a validation metric no longer improves."""

    patience: int | None = None
    """Validations without an improvement before the run stops; null never stops early."""

    metric: str | None = None
    """Validation metric to watch (`loss`, `accuracy`, …); null takes the task's own primary metric."""

    mode: str | None = None
    """`min` or `max`; null takes the metric's own direction."""

    min_delta: float = 0.0
    """How much better a value must be to count as an improvement."""


@dataclass
class CheckpointSettings:
    """When the state of a run is saved, and by which metric the best one is kept."""

    every_epochs: int | None = 1
    """Save `last` after every so many epochs; null: not by epochs."""

    every_steps: int | None = None
    """Save `last` after every so many updates; null: not by updates."""

    every_minutes: float | None = None
    """Save `last` when so many minutes have passed since the last save; null: not by time."""

    metric: str | None = None
    """Validation metric by which `best` is chosen; null takes the task's own primary metric."""

    mode: str | None = None
    """`min` or `max`; null takes the metric's own direction."""


@dataclass
class TrainerSettings:
    """Length, arithmetic and schedule of a run."""

    epochs: int = 5
    """Passes over the training data."""

    steps: int | None = None
    """Length in optimizer updates; when given, it decides and `epochs` does not."""

    accumulate: int = 1
    """Batches whose gradients are averaged into one update."""

    grad_clip: float | None = None
    """Largest norm of the gradient over all parameters; null leaves it alone."""

    precision: str = "fp32"
    """Arithmetic of forward and backward: `fp32`, `bf16`, or `fp16` (with loss scaling, on a GPU)."""

    compile: bool | str = False
    """Compile the model with torch.compile: seconds to minutes of start-up, then often faster on a GPU. Also
    the name of a mode: `reduce-overhead` replays CUDA graphs, for small models whose batches have one shape;
    `max-autotune` tries kernels first."""

    channels_last: bool = True
    """Store image tensors channels-last, which convolutions run faster on; changes no shape."""

    val_every_epochs: int | None = 1
    """Validate after every so many epochs; null: not by epochs. The end of a run is always validated."""

    val_every_steps: int | None = None
    """Validate after every so many updates; null: not by updates."""

    limit_train_batches: int | None = None
    """Use only the first so many batches of each training epoch."""

    limit_val_batches: int | None = None
    """Use only the first so many batches of a validation."""

    limit_test_batches: int | None = None
    """Use only the first so many batches of the final test."""

    early_stopping: EarlyStopping = field(default_factory=EarlyStopping)
    """When to stop before the end."""

    checkpoint: CheckpointSettings = field(default_factory=CheckpointSettings)
    """When to save."""
