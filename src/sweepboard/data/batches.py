"""Batches of a split: the order of samples, their reader, and the transforms on the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Protocol

import torch
from torch import Tensor

from sweepboard.data.augment import Augment
from sweepboard.data.normalise import Normalise
from sweepboard.data.seeds import generator
from sweepboard.data.types import Batch, TensorSplit


@dataclass(frozen=True)
class Order:
    """The samples of an epoch, in order."""

    members: Tensor
    """Indices into the split, int64 on the CPU, in the split's own order."""

    batch_size: int
    shuffle_seed: int | None = None
    """Seed for a new shuffle in each epoch; None keeps the split's order."""

    drop_last: bool = False
    """Whether a last batch smaller than the others is dropped."""

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        batches = len(self.members) / self.batch_size
        return int(batches) if self.drop_last else ceil(batches)

    def samples(self, epoch: int, start: int = 0) -> Tensor:
        """Return the samples of epoch `epoch` from batch `start` on."""
        members = self.members
        if self.shuffle_seed is not None:
            shuffle = generator(self.shuffle_seed, "order", epoch)
            members = members[torch.randperm(len(members), generator=shuffle)]
        return members[start * self.batch_size : len(self) * self.batch_size]


def in_batches(samples: Tensor, batch_size: int) -> Sequence[Tensor]:
    """Return views of `batch_size` samples each; the last may be smaller."""
    return (
        torch.split(samples, batch_size) if len(samples) else ()
    )  # split makes one empty piece of an empty tensor


class Reader(Protocol):
    """Reads raw samples and moves them to the device."""

    def read(self, epoch: int, samples: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield (indices, raw inputs, targets) of `samples` in batches, all on the device."""

    def pick(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Return raw inputs and targets of a few samples, on the device."""


class MemoryReader:
    """Reads from a split in the device's memory: no Python per sample, no copy to the device."""

    def __init__(self, split: TensorSplit) -> None:
        self._inputs, self._targets = split.inputs, split.targets

    def read(self, epoch: int, samples: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Implement `Reader.read`; the epoch has no effect."""
        del epoch
        for chosen in in_batches(samples.to(self._inputs.device), batch_size):
            yield chosen, self._inputs.index_select(0, chosen), self._targets.index_select(0, chosen)

    def pick(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Implement `Reader.pick`."""
        chosen = samples.to(self._inputs.device)
        return self._inputs.index_select(0, chosen), self._targets.index_select(0, chosen)


@dataclass(frozen=True)
class SplitBatches:
    """The `Batches` of a split, with the same values from memory and from a DataLoader."""

    order: Order
    reader: Reader
    normalise: Normalise
    device: torch.device
    augment: Augment | None = None

    @property
    def size(self) -> int:
        """Number of samples."""
        return len(self.order.members)

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(self.order)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of epoch `epoch` (from 0), from batch `start` on; skipping is free.

        Batches without shuffling are those of epoch 0 in every epoch, including random transforms. Raise
        `RunFailed` (also `DamagedFile`, or for a dead worker) if a sample cannot be read.
        """
        changes = self.augment.of_epoch(epoch, self.device) if self.augment else None
        samples = self.order.samples(epoch, start)
        looks = epoch if self.order.shuffle_seed is not None else 0
        for chosen, inputs, targets in self.reader.read(looks, samples, self.order.batch_size):
            changed = changes(inputs, chosen) if changes else inputs
            yield self.normalise(changed), targets

    def first(self, count: int) -> Batch:
        """Return the first `count` samples in the split's own order, not augmented."""
        inputs, targets = self.reader.pick(self.order.members[:count])
        return self.normalise(inputs), targets
