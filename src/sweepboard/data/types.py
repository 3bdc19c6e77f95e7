"""What the other rooms may ask of data: a description, the splits, and batches to train on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Protocol, TypeAlias

from torch import Tensor

Batch: TypeAlias = tuple[Tensor, Tensor]
"""Inputs of shape (batch, *input_shape), normalised floats, and targets: (batch,) int64 classes or
(batch, *target_shape) floats; both on the run's device."""


@dataclass(frozen=True)
class DataSpec:
    """What a model needs to know of a data set before any sample is read."""

    input_shape: tuple[int, ...]
    """One sample's shape: (channels, height, width) of an image, (features,) of a vector."""

    classes: int | None = None
    """Number of classes; None where the targets are real numbers."""

    target_shape: tuple[int, ...] = ()
    """One target's shape where targets are real numbers."""

    class_names: tuple[str, ...] = ()
    """Names of the classes in the order of their numbers, or empty."""

    mean: tuple[float, ...] = (0.0,)
    """Per-channel mean of the inputs (of pixel / 255 where inputs are stored as uint8)."""

    std: tuple[float, ...] = (1.0,)
    """Per-channel standard deviation, likewise."""

    @property
    def outputs(self) -> int:
        """Numbers that a model must give per sample: one per class, or one per target number."""
        return self.classes if self.classes is not None else prod(self.target_shape)

    @property
    def is_image(self) -> bool:
        """Whether a sample is (channels, height, width)."""
        return len(self.input_shape) == 3


@dataclass(frozen=True)
class TensorSplit:
    """A split that is held in memory: raw inputs (uint8 pixels or floats) and targets, sample first."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)


class Samples(Protocol):
    """A map-style data set: what `torch.utils.data.Dataset` is where it has a length."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[Tensor, Tensor]:
        """Raw input and target: uint8 pixels or float32, and an int64 class () or float32 numbers."""


Split: TypeAlias = "TensorSplit | Samples"
"""In-memory tensors, or a data set that is read sample by sample."""


@dataclass(frozen=True)
class Splits:
    """The parts of a data set. `val` is None where the source has no validation set of its own."""

    train: Split
    test: Split | None = None
    val: Split | None = None
    plain: Split | None = None
    """The samples of `train` in their order as they are to be measured on; None where that is how `train` has
    them."""

    @property
    def parts(self) -> dict[str, Split]:
        """What there is of `train`, `test` and `val`."""
        named = {"train": self.train, "test": self.test, "val": self.val}
        return {name: split for name, split in named.items() if split is not None}


class Source(Protocol):
    """A data set that is described at once and read only when asked."""

    @property
    def spec(self) -> DataSpec:
        """Known without reading a sample."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Samples per split (`train`, and `test`, `val` where the source has them), known without reading
        one: the length of the run in updates follows from it."""

    def load(self) -> Splits:
        """Read it. Raises a `UserError` that says what to do where the files are missing or damaged."""


class Batches(Protocol):
    """One split as batches. What epoch e gives is a pure function of (seed, e)."""

    @property
    def size(self) -> int:
        """Samples."""

    def __len__(self) -> int:
        """Batches in an epoch."""

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of epoch `epoch` (from 0), from batch `start` on."""

    def first(self, count: int) -> Batch:
        """The first `count` samples in the split's own order, not augmented."""


@dataclass(frozen=True)
class Data:
    """What the loop trains and measures on."""

    spec: DataSpec
    train: Batches
    val: Batches | None
    test: Batches | None
    fingerprint: str
    """SHA-256 over the samples and the split, so that two runs can be said to have used the same data."""

    content: str = ""
    """SHA-256 over the samples alone, whatever the seed; empty where the data set cannot say."""
