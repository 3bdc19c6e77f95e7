"""Batches of a split: an order of samples, someone who reads them, and what is then done on the device."""

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
    """Which samples an epoch visits, in which order."""

    members: Tensor
    """Indices into the split, int64 on the CPU: the split's own order of these batches' samples."""

    batch_size: int
    shuffle_seed: int | None = None
    """Shuffle each epoch, by this seed and the epoch; None keeps the own order."""

    drop_last: bool = False
    """Leave out a last batch that is smaller than the others."""

    def __len__(self) -> int:
        """Batches in an epoch."""
        batches = len(self.members) / self.batch_size
        return int(batches) if self.drop_last else ceil(batches)

    def samples(self, epoch: int, start: int = 0) -> Tensor:
        """The samples of epoch `epoch` from batch `start` on."""
        members = self.members
        if self.shuffle_seed is not None:
            shuffle = generator(self.shuffle_seed, "order", epoch)
            members = members[torch.randperm(len(members), generator=shuffle)]
        return members[start * self.batch_size : len(self) * self.batch_size]


def in_batches(samples: Tensor, batch_size: int) -> Sequence[Tensor]:
    """Views of `batch_size` samples each, the last perhaps of fewer."""
    return torch.split(samples, batch_size) if len(samples) else ()  # of nothing, split makes one empty piece


class Reader(Protocol):
    """Brings raw samples to the device."""

    def read(self, epoch: int, samples: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """(indices, raw inputs, targets) of `samples` in batches, all on the device."""

    def pick(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Raw inputs and targets of a few samples, on the device."""


class MemoryReader:
    """Takes samples from a split in the device's memory: no Python per sample, no copy to the device."""

    def __init__(self, split: TensorSplit) -> None:
        self._inputs, self._targets = split.inputs, split.targets

    def read(self, epoch: int, samples: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """See `Reader`; the epoch does not matter here."""
        del epoch
        for chosen in in_batches(samples.to(self._inputs.device), batch_size):
            yield chosen, self._inputs.index_select(0, chosen), self._targets.index_select(0, chosen)

    def pick(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """See `Reader`."""
        chosen = samples.to(self._inputs.device)
        return self._inputs.index_select(0, chosen), self._targets.index_select(0, chosen)


@dataclass(frozen=True)
class SplitBatches:
    """The `Batches` of a split, however it is read: the same numbers from memory and from a DataLoader."""

    order: Order
    reader: Reader
    normalise: Normalise
    device: torch.device
    augment: Augment | None = None

    @property
    def size(self) -> int:
        """Samples."""
        return len(self.order.members)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self.order)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of epoch `epoch` (from 0), from batch `start` on; skipping costs nothing.

        Batches that keep their order are those of epoch 0 whatever the epoch, random transforms included.
        Raises `RunFailed` (a `DamagedFile`, a dead worker) where a sample cannot be read.
        """
        changes = self.augment.of_epoch(epoch, self.device) if self.augment else None
        samples = self.order.samples(epoch, start)
        looks = epoch if self.order.shuffle_seed is not None else 0
        for chosen, inputs, targets in self.reader.read(looks, samples, self.order.batch_size):
            changed = changes(inputs, chosen) if changes else inputs
            yield self.normalise(changed), targets

    def first(self, count: int) -> Batch:
        """The first `count` samples in the split's own order, not augmented."""
        inputs, targets = self.reader.pick(self.order.members[:count])
        return self.normalise(inputs), targets
