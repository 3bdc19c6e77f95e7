"""The order of the samples of an epoch: a pure function of (seed, epoch)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Protocol

import torch
from torch import Tensor

from sweepboard.data.seeds import generator


class Order(Protocol):
    """The batches of an epoch, as indices into a split."""

    @property
    def members(self) -> Tensor:
        """Indices of the samples that there are, int64 on the CPU, in the split's own order."""

    @property
    def size(self) -> int:
        """Number of samples in an epoch."""

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""

    def batches(self, epoch: int, start: int = 0) -> Sequence[Tensor]:
        """Return the samples of each batch of epoch `epoch`, from batch `start` on, int64 on the CPU."""


@dataclass(frozen=True)
class PlainOrder:
    """Every sample once in an epoch."""

    members: Tensor
    batch_size: int
    shuffle_seed: int | None = None
    """Seed for a new shuffle in each epoch; None keeps the split's order."""

    drop_last: bool = False
    """Whether a last batch smaller than the others is dropped."""

    @property
    def size(self) -> int:
        """Implement `Order.size`."""
        return len(self.members)

    def __len__(self) -> int:
        return number_of_batches(len(self.members), self.batch_size, self.drop_last)

    def batches(self, epoch: int, start: int = 0) -> Sequence[Tensor]:
        """Implement `Order.batches`."""
        members = self.members
        if self.shuffle_seed is not None:
            shuffle = generator(self.shuffle_seed, "order", epoch)
            members = members[torch.randperm(len(members), generator=shuffle)]
        return in_batches(members[start * self.batch_size : len(self) * self.batch_size], self.batch_size)


def number_of_batches(samples: int, batch_size: int, drop_last: bool) -> int:
    """Return the number of batches of `samples` samples."""
    return samples // batch_size if drop_last else ceil(samples / batch_size)


def in_batches(samples: Tensor, batch_size: int) -> Sequence[Tensor]:
    """Return views of `batch_size` samples each; the last may be smaller."""
    return torch.split(samples, batch_size) if len(samples) else ()  # split makes one of an empty tensor
