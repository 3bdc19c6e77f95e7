"""Batches of a split: their reader, and the transforms on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from sweepboard.data.normalise import Normalise
from sweepboard.data.order import Order
from sweepboard.data.types import Batch, FoundByNumber, InMemory

if TYPE_CHECKING:
    from sweepboard.data.augment import Augment


class Reader(Protocol):
    """Reads batches of raw samples and moves them to the device."""

    def read(
        self, epoch: int, batches: Sequence[Tensor], following: Callable[[], Sequence[Tensor]] = tuple
    ) -> Iterator[tuple[Tensor, Batch]]:
        """Yield (indices, batch), both on the device, for the indices (on the CPU) of each batch.

        `following` returns the batches of the next epoch, which may be read ahead.
        """

    def pick(self, samples: Tensor) -> Batch:
        """Return the batch of a few samples, on the device."""


class MemoryReader:
    """Reads samples from a split in the device's memory: no Python per sample, no copy to the device."""

    def __init__(self, split: InMemory) -> None:
        self._batch, self._device = split.batch, split.tensors[0].device

    def read(
        self, epoch: int, batches: Sequence[Tensor], following: Callable[[], Sequence[Tensor]] = tuple
    ) -> Iterator[tuple[Tensor, Batch]]:
        """Implement `Reader.read`; the epoch has no effect, and nothing is read ahead."""
        del epoch, following
        for chosen in on_device(batches, self._device):
            yield chosen, self._batch(chosen)

    def pick(self, samples: Tensor) -> Batch:
        """Implement `Reader.pick`."""
        return self._batch(samples.to(self._device))


def on_device(batches: Sequence[Tensor], device: torch.device) -> Sequence[Tensor]:
    """Return all indices on `device`, copied there at once."""
    if device.type == "cpu" or not batches:
        return batches
    return torch.split(torch.cat(list(batches)).to(device), [len(batch) for batch in batches])


@dataclass(frozen=True)
class OfPairs:
    """What happens on the device to the inputs of (input, target) pairs."""

    normalise: Normalise
    augment: Augment | None = None


@dataclass(frozen=True)
class SplitBatches(FoundByNumber):
    """The `Batches` of a split, with the same values from memory and from a DataLoader."""

    order: Order
    reader: Reader
    device: torch.device
    trains: bool
    """Whether samples and augmentation are others in each epoch."""

    pairs: OfPairs | None
    """None for batches of another kind, which are yielded as they are read."""

    epochs: int = 0
    """Number of epochs that are planned: reading goes on into the next one, if there is one."""

    @property
    def size(self) -> int:
        """Number of samples."""
        return self.order.size

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(self.order)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of epoch `epoch` (from 0), from batch `start` on; skipping is free.

        Batches for evaluation are those of epoch 0 in every epoch, including random transforms. Raise
        `RunFailed` (also `DamagedFile`, or for a dead worker) if a sample cannot be read.
        """
        following = partial(self.order.batches, epoch + 1) if epoch + 1 < self.epochs else tuple
        batches = self.reader.read(epoch if self.trains else 0, self.order.batches(epoch, start), following)
        if self.pairs is None:
            return (batch for _, batch in batches)
        return self._transformed(batches, epoch, self.pairs)

    def _transformed(
        self, batches: Iterator[tuple[Tensor, Any]], epoch: int, pairs: OfPairs
    ) -> Iterator[Batch]:
        normalise = pairs.normalise
        changes = pairs.augment.of_epoch(epoch, self.device) if pairs.augment else None
        for chosen, (inputs, targets) in batches:
            yield normalise(changes(inputs, chosen) if changes else inputs), targets

    def first(self, count: int) -> Batch:
        """Return the first `count` samples in the split's own order, not augmented."""
        batch = self.reader.pick(self.order.members[:count])
        if self.pairs is None:
            return batch
        inputs, targets = batch
        return self.pairs.normalise(inputs), targets
