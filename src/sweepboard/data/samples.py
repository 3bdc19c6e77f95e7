"""Read raw samples of any split as a pure function of (seed, epoch, index)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from sweepboard.data.seeds import borrowed_global_randomness, derive_seed
from sweepboard.data.shared_memory import new_batch
from sweepboard.data.types import Batch, InMemory, Split
from sweepboard.errors import RunFailed

if TYPE_CHECKING:
    from sweepboard.data.loading import Loading


class FixedSamples(Dataset[tuple[Tensor, Tensor]], ABC):
    """A data set whose samples are equal at every read: they may be read once and kept in memory."""

    def made_from(self) -> tuple[str, Sequence[Path]]:
        """Return, for the cache, a name with every setting that matters, and the source files.

        Without files nothing is cached.
        """
        return type(self).__name__, ()

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of samples."""


class ReadsBatches(ABC):
    """A split that reads whole batches, as a function of its arguments, from no global generator."""

    @abstractmethod
    def batch(self, indices: Sequence[int], seed: int, epoch: int) -> Batch:
        """Return raw inputs and targets, stacked, or what a collate function would make of the samples."""


class ChangingSamples(Dataset[Any], ReadsBatches):
    """Training samples that are read otherwise in each epoch."""

    plain: FixedSamples
    """The same samples, unchanged."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of samples."""

    @abstractmethod
    def __getitem__(self, index: int) -> Any:
        """Return a sample, unchanged."""

    @abstractmethod
    def kept(self, loading: Loading) -> ChangingSamples:
        """Return the same samples, read from what is kept of their files in the cache, if that fits."""


def unchanged(split: Split) -> Split:
    """Return a split as it is evaluated."""
    return split.plain if isinstance(split, ChangingSamples) else split


def fetch(split: Split, indices: list[int], seed: int, epoch: int) -> Batch:
    """Return the batch of `indices`: raw inputs and targets, stacked, or what the split's `collate` returns.

    User code may draw random numbers: torch, random and numpy are seeded before each sample and each batch,
    so that neither the number of workers nor a resume changes what it draws. A data set that has `set_epoch`
    is told the epoch.
    """
    if isinstance(split, InMemory):
        return split.batch(torch.tensor(indices))
    if isinstance(split, ReadsBatches):
        return split.batch(indices, seed, epoch)
    with borrowed_global_randomness() as seed_generators:
        if (begin_epoch := getattr(split, "begin_epoch", None)) is not None:
            begin_epoch(epoch, lambda: seed_generators(derive_seed(seed, "epoch", epoch)))

        def read(index: int) -> Any:
            seed_generators(derive_seed(seed, "sample", epoch, index))
            try:
                return split[index]
            except StopIteration as error:  # `map` would take it for the end of the batch
                raise RuntimeError(f"sample {index} raised StopIteration") from error

        collate = getattr(split, "collate", None)
        if collate is None:
            return stacked(map(read, indices), indices)
        samples = list(map(read, indices))
        seed_generators(derive_seed(seed, "batch", epoch, *indices))
        return collate(samples, indices)


def stacked(samples: Iterator[tuple[Tensor, Tensor]], indices: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Stack samples; each is copied before the next is read, which may reuse its memory.

    Raise `RunFailed` for a sample that differs from the first in shape or type.
    """
    first = next(samples)
    inputs, targets = (_room_for(len(indices), part) for part in first)
    for place, sample in enumerate(chain([first], samples)):
        for whole, part in zip((inputs, targets), sample, strict=True):
            if (part.shape, part.dtype) != (whole.shape[1:], whole.dtype):
                raise RunFailed(
                    f"sample {indices[place]} has {part.dtype} of shape {tuple(part.shape)}, sample "
                    f"{indices[0]} has {whole.dtype} of shape {tuple(whole.shape[1:])}: make them alike"
                )
            whole[place] = part
    return inputs, targets


def _room_for(count: int, part: Tensor) -> Tensor:
    shape = (count, *part.shape)
    return part.new_empty(shape) if part.is_cuda else new_batch(shape, part.dtype)
