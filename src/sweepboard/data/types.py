"""The interfaces of data: a description, the splits, and batches to train on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor

ENDLESS = 2**62
"""The number of samples, or of batches, of a stream that does not tell it."""

Batch: TypeAlias = Any
"""What the collate function returns, on the run's device: `data.tree` has what works on any.

Of pairs: inputs of shape (batch, *input_shape), normalised, and targets: (batch,) int64 classes or
(batch, *target_shape) floats.
"""


@dataclass(frozen=True)
class DataSpec:
    """Properties of a data set that a model depends on, known before any sample is read."""

    input_shape: tuple[int, ...]
    """Shape of one sample: (channels, height, width) for an image, (features,) for a vector."""

    classes: int | None = None
    """Number of classes; None for real-valued targets."""

    target_shape: tuple[int, ...] = ()
    """Shape of one real-valued target."""

    class_names: tuple[str, ...] = ()
    """Names of the classes in the order of their numbers, or empty."""

    mean: tuple[float, ...] = (0.0,)
    """Per-channel mean of the inputs (of pixel / 255 for uint8 inputs)."""

    std: tuple[float, ...] = (1.0,)
    """Per-channel standard deviation, likewise."""

    @property
    def outputs(self) -> int:
        """Number of model outputs per sample: one per class, or one per target number."""
        return self.classes if self.classes is not None else prod(self.target_shape)

    @property
    def is_image(self) -> bool:
        """Whether a sample is (channels, height, width)."""
        return len(self.input_shape) == 3


def class_names(spec: DataSpec | None) -> list[str]:
    """Return the names of the classes, or an empty list."""
    return [] if spec is None else list(spec.class_names)


@dataclass(frozen=True)
class TensorSplit:
    """A split in memory: raw inputs (uint8 pixels or floats) and targets, sample first."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Inputs and targets."""
        return self.inputs, self.targets

    def batch(self, indices: Tensor) -> Batch:
        """Return the batch of the samples `indices`."""
        return self.inputs.index_select(0, indices), self.targets.index_select(0, indices)

    def to(self, device: torch.device) -> TensorSplit:
        """Return the split in the memory of `device`."""
        return TensorSplit(self.inputs.to(device), self.targets.to(device))


@dataclass(frozen=True)
class ColumnSplit:
    """A split in memory whose samples are no pairs: tensors, sample first."""

    tensors: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.tensors[0])

    def batch(self, indices: Tensor) -> Batch:
        """Return the batch of the samples `indices`, a list as torch's `default_collate` makes it."""
        return [tensor.index_select(0, indices) for tensor in self.tensors]

    def to(self, device: torch.device) -> ColumnSplit:
        """Return the split in the memory of `device`."""
        return ColumnSplit(tuple(tensor.to(device) for tensor in self.tensors))


InMemory: TypeAlias = TensorSplit | ColumnSplit
"""Batches are picked from whole tensors, without Python for each sample."""


class Samples(Protocol):
    """A map-style data set: a `torch.utils.data.Dataset` with a length."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any:
        """Return raw input and target: uint8 pixels or numbers, and an int64 class () or real numbers.

        Of a split with a method `collate(samples, indices)`, which returns the batch, it is any sample.
        """


Split: TypeAlias = "InMemory | Samples"
"""In-memory tensors, or a data set that is read sample by sample."""


@dataclass(frozen=True)
class Splits:
    """The parts of a data set. `val` is None if the source has no validation set of its own."""

    train: Split
    test: Split | None = None
    val: Split | None = None
    plain: Split | None = None
    """The samples of `train`, in order, with evaluation transforms; None if `train` has no others."""

    @property
    def parts(self) -> dict[str, Split]:
        """Those of `train`, `test` and `val` that exist."""
        named = {"train": self.train, "test": self.test, "val": self.val}
        return {name: split for name, split in named.items() if split is not None}


class Source(Protocol):
    """A data set that can be described without reading it."""

    @property
    def spec(self) -> DataSpec | None:
        """The `DataSpec`, known before the data are read; None if samples are no (input, target) pairs."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Samples per split (`train`, and optional `test`, `val`), known without reading one.

        The length of the run in updates depends on them.
        """

    def load(self) -> Splits:
        """Read the splits. Raise a `UserError` with a remedy if files are missing or damaged."""


@dataclass(frozen=True)
class _NoData:
    spec: DataSpec | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)

    def load(self) -> Splits:
        raise AssertionError("there is nothing to load")


NO_DATA: Source = _NoData()
"""Stands for the data of a training function, of which only the function knows."""


class Batches(Protocol):
    """One split as batches. The batches of epoch e are a pure function of (seed, e)."""

    @property
    def size(self) -> int:
        """Number of samples."""

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of epoch `epoch` (from 0), from batch `start` on."""

    def first(self, count: int) -> Batch:
        """Return the first `count` samples in the split's own order, not augmented."""

    def state_dict(self, epoch: int, batch: int) -> dict[str, Any]:
        """Return what shortens the way to batch `batch` of epoch `epoch`, for a checkpoint; often nothing."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what `state_dict` returned. Raise `UserError` if the batches would be others."""


class FoundByNumber:
    """Base class of `Batches` that need no state: every batch is found by its number."""

    def state_dict(self, epoch: int, batch: int) -> dict[str, Any]:
        """Return nothing."""
        del epoch, batch
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class ChangedBatches:
    """Base class of `Batches` that change those of `plain`, one by one."""

    plain: Batches

    @property
    def size(self) -> int:
        """Number of samples."""
        return self.plain.size

    def __len__(self) -> int:
        return len(self.plain)

    def first(self, count: int) -> Batch:
        """Return the first samples, not changed."""
        return self.plain.first(count)

    def state_dict(self, epoch: int, batch: int) -> dict[str, Any]:
        """Implement `Batches.state_dict`."""
        return self.plain.state_dict(epoch, batch)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Implement `Batches.load_state_dict`."""
        self.plain.load_state_dict(state)


@dataclass(frozen=True)
class Data:
    """The data that the loop trains and evaluates on."""

    spec: DataSpec | None
    """The `DataSpec` of (input, target) pairs; None for other samples."""

    train: Batches
    val: Batches | None
    test: Batches | None
    fingerprint: str
    """SHA-256 over the samples and the split, equal for runs on the same data."""

    content: str = ""
    """SHA-256 over the samples alone, equal for every seed; empty if the data set has no digest."""
