"""Settings that every data set shares, whatever constructor reads it (no torch in here)."""

from __future__ import annotations

from dataclasses import dataclass

AUGMENTS = ("none", "crop", "flip", "crop_flip")
"""Valid words for `dataset.augment`."""

VALIDATE_ON = ("split", "test")
"""Valid words for `dataset.validate_on`."""


@dataclass
class DatasetSettings:
    """Keys of the `dataset` group that belong to the runner; all others go to the data set's constructor."""

    batch_size: int = 64
    """Samples in a training batch."""

    eval_batch_size: int = 1000
    """Samples in a validation or test batch; changes memory and speed, never a result."""

    val_fraction: float = 0.1
    """Share of the training set held out for validation, drawn by `seed`; 0 for no validation. Not used where
    the data set has a validation set of its own."""

    validate_on: str = "split"
    """`split` validates on the held-out share, `test` on the test set (then nothing is held out)."""

    augment: str = "none"
    """Random changes to training images: `none`, `crop`, `flip` or `crop_flip`."""

    augment_padding: int = 4
    """Pixels of zero padding on each side from which `crop` cuts."""

    drop_last: bool = False
    """Leave out a last training batch that is smaller than the others."""

    in_memory: bool = True
    """Keep the whole data set in memory on the device where the source allows it and it fits; else a
    DataLoader reads it. Changes memory and speed, never a result."""

    workers: int = 0
    """DataLoader processes for a data set that is not kept in memory; 0 reads in the main process. Changes
    speed, never a result."""

    timeout: int | None = 600
    """Seconds that the workers may take for a batch; then the run fails, since a sample is stuck. None waits
    for ever. Changes no result."""
