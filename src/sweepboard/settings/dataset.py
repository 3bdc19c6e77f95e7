"""Settings that all data sets share, in addition to their constructors' arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweepboard.settings.field import setting

_OF_SAMPLES = (
    "sweepboard.tasks.Classification",
    "sweepboard.tasks.MultiLabel",
    "sweepboard.tasks.Regression",
    "sweepboard.tasks.Supervised",
)
"""Tasks whose metrics do not depend on the size of evaluation batches, nor does a loss of `torch.nn`."""


def _measures_batches(config: Mapping[str, Any]) -> bool:
    """Return whether results may depend on how many samples are evaluated together.

    It is known that they do not for pairs and a task or loss that reports what it is a mean over.
    """
    trainer, task, facts = (_mapping(config.get(name)) for name in ("trainer", "task", "facts"))
    if any(trainer.get(f"limit_{split}_batches") is not None for split in ("val", "test")):
        return True
    named = [task.get("_target_"), *([loss.get("_target_")] if (loss := _mapping(task.get("loss"))) else [])]
    return facts.get("input_shape") is None or not all(map(_is_of_samples, named))


def _is_of_samples(target: object) -> bool:
    parent, _, _ = str(target).rpartition(".")
    return target in _OF_SAMPLES or parent in ("torch.nn", "torch.nn.modules.loss")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


_NEEDS_WORKERS: dict[str, Any] = {
    "used": lambda dataset: dataset.get("workers") != 0,
    "unused": "without dataset.workers",
}


@dataclass
class DatasetSettings:
    """Keys of the `dataset` group that belong to the runner; others go to the data set's constructor."""

    batch_size: int = setting(64, "result", minimum=1)
    """Samples in a training batch."""

    eval_batch_size: int = setting(
        1000, "rounding", minimum=1, condition="evaluation", changes_results=_measures_batches
    )
    """Samples in a validation or test batch. With the tasks and losses of sweepboard and torch, results
    change in their last bits only; with your own they may change, unless `Step.weight` says what a loss is
    averaged over. `trainer.limit_val_batches` and `limit_test_batches` count such batches."""

    val_fraction: float = setting(
        0.1,
        "result",
        minimum=0,
        below=1,
        condition="evaluation",
        used=lambda dataset: dataset.get("validate_on") != "test",
        unused="with dataset.validate_on=test",
    )
    """Share of the training set held out for validation, drawn by `seed`; 0 for no validation. Not used where
    the data set has a validation set of its own."""

    validate_on: str = setting("split", "result", choices=("split", "test"), condition="evaluation")
    """`split` validates on the held-out share, `test` on the test set (then nothing is held out)."""

    augment: str = setting(
        "none",
        "result",
        choices=("none", "crop", "flip", "crop_flip", "resized_crop", "resized_crop_flip"),
    )
    """Random changes to training images: `none`, `crop`, `flip` or `crop_flip`; or, for pictures that are
    read from files, `resized_crop` or `resized_crop_flip`: a part of random size and shape, scaled to the
    size of a sample."""

    augment_padding: int = setting(
        4,
        "result",
        minimum=0,
        used=lambda dataset: dataset.get("augment") in ("crop", "crop_flip"),
        unused="without dataset.augment=crop or crop_flip",
    )
    """Pixels of zero padding on each side from which `crop` cuts."""

    augment_area: float = setting(
        0.08,
        "result",
        minimum=0.01,
        maximum=1,
        used=lambda dataset: "resized" in str(dataset.get("augment")),
        unused="without dataset.augment=resized_crop or resized_crop_flip",
    )
    """Smallest share of a picture's area that `resized_crop` cuts."""

    shuffle: bool = setting(
        True,
        "result",
        used=lambda dataset: dataset.get("sampler") is None and dataset.get("batch_sampler") is None,
        unused="beside a sampler, which has an order of its own",
    )
    """Draw the training samples in another order in each epoch. Not used where the data set has a sampler,
    and for a stream, which has its own order."""

    stream_state: bool = setting(True, "speed")
    """Resume a stream by its own `state_dict`, if it has one; false reads it again up to where the run was,
    which takes longer and is exact even if the state leaves something out, as that of a shuffle buffer may
    (one of Hugging Face is always read again)."""

    drop_last: bool = setting(False, "result")
    """Leave out a last training batch that is smaller than the others."""

    in_memory: bool = setting(True, "speed")
    """Keep the whole data set in memory on the device where the source allows it and it fits; else a
    DataLoader reads it. Changes memory and speed, never a result."""

    workers: int = setting(0, "speed", minimum=0, untrusted_maximum=64)
    """DataLoader processes for a data set that is not kept in memory; 0 reads in the main process. Changes
    speed, never a result."""

    prefetch_factor: int = setting(2, "speed", minimum=1, untrusted_maximum=64, **_NEEDS_WORKERS)
    """Batches that each of the workers reads ahead."""

    pin_memory: bool | None = setting(None, "speed")
    """Copy batches to the GPU from page-locked memory, which is faster; null does so if there is a GPU."""

    multiprocessing_context: str | None = setting(None, "speed", choices=("fork", "spawn"), **_NEEDS_WORKERS)
    """How worker processes begin: `fork` (fast), or `spawn` where the data set uses threads or a GPU; null
    takes `fork` on Linux."""

    timeout: int | None = setting(600, "speed", minimum=1, **_NEEDS_WORKERS)
    """Seconds that the workers may take for a batch; then the run fails, since a sample is stuck. None waits
    for ever. Changes no result."""
