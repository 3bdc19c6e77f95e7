"""Settings of the training loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sweepboard.settings.field import setting


@dataclass
class SchedulerSettings:
    """Keys of the `scheduler` group that belong to the runner; all others go to its constructor."""

    interval: str = setting(
        "step",
        "result",
        choices=("step", "epoch", "validation"),
        used=lambda scheduler: not scheduler.keys() <= {"interval", "metric"},
        unused="without a scheduler",
    )
    """When the scheduler steps: after each update (`step`), `epoch`, or `validation` (with its metric)."""

    metric: str = setting(
        "loss",
        "result",
        used=lambda scheduler: scheduler.get("interval") == "validation",
        unused="without scheduler.interval=validation",
    )
    """Validation metric handed to a scheduler that steps at each `validation`."""


def _stops_early(early_stopping: Mapping[str, Any]) -> bool:
    return early_stopping.get("patience") is not None


def _has_ranks(trainer: Mapping[str, Any]) -> bool:
    return (trainer.get("devices"), trainer.get("nodes")) != (1, 1)


_NEEDS_PATIENCE: dict[str, Any] = {
    "used": _stops_early,
    "unused": "without trainer.early_stopping.patience",
}
_NEEDS_RANKS: dict[str, Any] = {"used": _has_ranks, "unused": "in a run of one process (trainer.devices)"}


@dataclass
class EarlyStopping:
    """Stop when a validation metric no longer improves."""

    patience: int | None = setting(None, "result", minimum=1)
    """Validations without an improvement before the run stops; null never stops early."""

    metric: str | None = setting(None, "result", **_NEEDS_PATIENCE)
    """Validation metric to watch (`loss`, `accuracy`, …); null takes the task's own primary metric."""

    mode: str | None = setting(None, "result", choices=("min", "max"), **_NEEDS_PATIENCE)
    """`min` or `max`; null takes the metric's own direction."""

    min_delta: float = setting(0.0, "result", minimum=0, **_NEEDS_PATIENCE)
    """How much better a value must be to count as an improvement."""


@dataclass
class CheckpointSettings:
    """When the state of a run is saved, and which metric selects the best state."""

    every_epochs: int | None = setting(1, "speed", minimum=1)
    """Save `last` after every so many epochs; null: not by epochs."""

    every_steps: int | None = setting(None, "speed", minimum=1)
    """Save `last` after every so many updates; null: not by updates."""

    every_minutes: float | None = setting(None, "speed", above=0)
    """Save `last` when so many minutes have passed since the last save; null: not by time."""

    keep: str = setting("all", "speed", choices=("all", "both", "best", "last"))
    """What a finished run keeps on the disk: `all` (`last`, the one before it, and `best`), `both` (`last`
    and `best`), or one of them. Without `last` it cannot be made longer; without `best` a longer run cannot
    test the best weights that it had before. Without validation `last` stays."""

    metric: str | None = setting(None, "result")
    """Validation metric by which `best` is chosen; null takes the task's own primary metric."""

    mode: str | None = setting(None, "result", choices=("min", "max"))
    """`min` or `max`; null takes the metric's own direction."""


@dataclass
class TrainerSettings:
    """Length, precision and schedule of a run."""

    epochs: int = setting(
        5,
        "length",
        minimum=1,
        used=lambda trainer: trainer.get("steps") is None,
        unused="beside trainer.steps",
    )
    """Passes over the training data."""

    steps: int | None = setting(None, "length", minimum=1)
    """Length in optimizer updates; when given, it decides and `epochs` does not."""

    accumulate: int = setting(1, "result", minimum=1)
    """Batches whose gradients are averaged into one update."""

    grad_clip: float | None = setting(None, "result", above=0)
    """Largest norm of the gradient over all parameters; null leaves it alone. Of several optimizers, over the
    parameters of each."""

    grad_clip_value: float | None = setting(None, "result", above=0)
    """Largest absolute value of each number of the gradient, cut before the norm; null leaves it alone."""

    precision: str = setting("fp32", "result", choices=("fp32", "bf16", "fp16"), condition="arithmetic")
    """Arithmetic of forward and backward: `fp32`, `bf16`, or `fp16` (with loss scaling, on a GPU)."""

    compile: bool | str = setting(
        False, "result", choices=(False, True, "reduce-overhead", "max-autotune"), condition="arithmetic"
    )
    """Compile the model with torch.compile: seconds to minutes of start-up, then often faster on a GPU. Also
    the name of a mode: `reduce-overhead` replays CUDA graphs, for small models whose batches have one shape;
    `max-autotune` tries kernels first."""

    channels_last: bool = setting(True, "result", condition="arithmetic")
    """Store image tensors channels-last, which convolutions run faster on; changes no shape."""

    gradient_checkpointing: Any = setting(False, "speed")  # bool | list[str], which OmegaConf does not have
    """Compute parts of the forward pass again in backward, which takes less memory and more time: patterns of
    names of modules (`[layer1,blocks.*]`), or true for a model of transformers or timm. Changes no result."""

    deterministic: bool | str = setting(
        False, "result", choices=(False, True, "warn"), condition="arithmetic"
    )
    """Use only operations of torch that give the same bits each time on a GPU: one that cannot ends the run,
    or is told by a warning (`warn`)."""

    cudnn_benchmark: bool = setting(False, "result", condition="arithmetic")
    """Let cuDNN try which convolution is fastest on a GPU; a repeated run may choose another one."""

    matmul_precision: str | None = setting(
        None, "result", choices=("highest", "high", "medium"), condition="arithmetic"
    )
    """Precision of float32 matrix products on a GPU: `highest`, `high` (TF32) or `medium` (bf16); null leaves
    torch's own, `highest`."""

    devices: int | str = setting(1, "rounding", choices=("auto",), minimum=1)
    """Processes that train this run together on each machine, each on its own GPU or with its own share of
    the cores; `auto` takes all GPUs. A batch is divided among them."""

    nodes: int = setting(1, "rounding", minimum=1, **_NEEDS_RANKS)
    """Machines that train this run together: more than one is started by srun or torchrun."""

    strategy: str = setting("ddp", "rounding", choices=("ddp", "fsdp"), **_NEEDS_RANKS)
    """What each process holds: the whole model (`ddp`), or its part of every weight (`fsdp`), which takes
    less memory and more messages."""

    timeout: float = setting(600.0, "speed", above=0, **_NEEDS_RANKS)
    """Seconds that a process waits for the others before the run ends and says which one is silent."""

    sync_batch_norm: bool = setting(False, "result", **_NEEDS_RANKS)
    """Let batch norm measure over the samples of all processes, on GPUs."""

    val_every_epochs: int | None = setting(1, "result", minimum=1)
    """Validate after every so many epochs; null: not by epochs. The end of a run is always validated."""

    val_every_steps: int | None = setting(None, "result", minimum=1)
    """Validate after every so many updates; null: not by updates."""

    limit_train_batches: int | None = setting(None, "result", minimum=1)
    """Use only the first so many batches of each training epoch."""

    limit_val_batches: int | None = setting(None, "result", minimum=1, condition="evaluation")
    """Use only the first so many batches of a validation."""

    limit_test_batches: int | None = setting(None, "result", minimum=1, condition="evaluation")
    """Use only the first so many batches of the final test."""

    early_stopping: EarlyStopping = field(default_factory=EarlyStopping)
    """When to stop before the end."""

    checkpoint: CheckpointSettings = field(default_factory=CheckpointSettings)
    """When to save."""
