"""A change of whole training batches, as mixup is: a function of (seed, epoch, number of the batch)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sweepboard.data.sample_memory import memory_limited
from sweepboard.data.sampling import ConfiguredSource
from sweepboard.data.seeds import borrowed_device_randomness, borrowed_global_randomness, derive_seed
from sweepboard.data.types import Batch, Batches, ChangedBatches, Source
from sweepboard.errors import RunFailed

KEY = "dataset.batch_transform"


@dataclass(frozen=True)
class BatchTransform:
    """The setting `dataset.batch_transform`."""

    change: Callable[..., Any]
    of_pairs: bool
    """Whether it is called with inputs and targets; else with the batch."""

    seed: int
    device: torch.device

    def __call__(self, batch: Batch, epoch: int, number: int) -> Batch:
        """Return batch `number` of an epoch, changed. Raise `RunFailed` for what is no batch."""
        seed = derive_seed(self.seed, "batch transform", epoch, number)
        with borrowed_global_randomness() as seed_generators, borrowed_device_randomness(self.device, seed):
            seed_generators(seed)
            with (
                nullcontext() if self.device.type != "cpu" else memory_limited(self.change, KEY, f"{KEY}=...")
            ):
                changed = self.change(*batch) if self.of_pairs else self.change(batch)
        self._check(changed)
        return changed

    def _check(self, changed: Any) -> None:
        if self.of_pairs:
            is_pair = isinstance(changed, tuple | list) and len(changed) == 2
            fits, wanted = is_pair and all(isinstance(part, Tensor) for part in changed), "inputs and targets"
        else:
            fits, wanted = changed is not None, "the batch"
        if not fits:
            raise RunFailed(f"{KEY}: it must return {wanted}, but returned a {_described(changed)}")


def _described(changed: Any) -> str:
    name = type(changed).__name__
    if not isinstance(changed, tuple | list):
        return name
    return f"{name} ({', '.join(type(part).__name__ for part in changed)})"


@dataclass(frozen=True)
class TransformedBatches(ChangedBatches):
    """The training batches `plain`, each changed by a transform."""

    transform: BatchTransform

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Implement `Batches.epoch`: what a batch draws follows from its number in the epoch."""
        for number, batch in enumerate(self.plain.epoch(epoch, start), start):
            yield self.transform(batch, epoch, number)


def batch_transform(source: Source, seed: int, device: torch.device) -> BatchTransform | None:
    """Return how training batches of `source` are changed, None if they are not."""
    change = source.batch_transform if isinstance(source, ConfiguredSource) else None
    return None if change is None else BatchTransform(change, source.spec is not None, seed, device)


def transformed(batches: Batches, source: Source, seed: int, device: torch.device) -> Batches:
    """Return the training batches of `source` as `dataset.batch_transform` changes them."""
    transform = batch_transform(source, seed, device)
    return batches if transform is None else TransformedBatches(batches, transform)
