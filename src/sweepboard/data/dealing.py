"""Deal batches to the ranks of a run, so that which samples an update sees does not depend on their number.

A training batch is divided: each rank gets neighbouring samples of it, and the shares differ by one at most.
Batches to evaluate go around whole, so that each has the values that it has in one process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from torch import Tensor

from sweepboard.data.batches import SplitBatches
from sweepboard.data.order import Order
from sweepboard.data.tree import length_of
from sweepboard.data.types import Batch, Batches, ChangedBatches
from sweepboard.errors import RunFailed


@dataclass(frozen=True)
class Dealing:
    """The number of a rank among all, and among those of its machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    def share(self, samples: int) -> range:
        """Return the places of this rank's samples in a batch; none if there are fewer samples than ranks."""
        each, more = divmod(samples, self.size)
        start = self.rank * each + min(self.rank, more)
        return range(start, start + each + (self.rank < more))


ALONE = Dealing()


@dataclass(frozen=True)
class Surplus:
    """A batch for a rank that has no share of its own: it is computed, but has no weight."""

    batch: Batch


@dataclass(frozen=True)
class GivenOrder:
    """Some samples of `whole`, in batches that are `given`."""

    whole: Order
    given: Sequence[Tensor]

    @property
    def members(self) -> Tensor:
        """Implement `Order.members`: those of all ranks."""
        return self.whole.members

    @property
    def size(self) -> int:
        """Implement `Order.size`: the samples of all ranks."""
        return self.whole.size

    def __len__(self) -> int:
        return len(self.given)

    def batches(self, epoch: int, start: int = 0) -> Sequence[Tensor]:
        """Implement `Order.batches`."""
        del epoch
        return self.given[start:]


@dataclass(frozen=True)
class DealtBatches(ChangedBatches):
    """One rank's share of each training batch of `plain`, which is whole; its size is that of all ranks."""

    dealing: Dealing

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Implement `Batches.epoch`: shares, and `Surplus` where this rank has none.

        Samples are read only by the rank that has them, unless the batches are those of a stream or are
        changed as a whole.
        """
        if isinstance(self.plain, SplitBatches):
            yield from self._read(self.plain, epoch, start)
            return
        for batch in self.plain.epoch(epoch, start):
            samples = length_of(batch)
            own = self.dealing.share(samples)
            yield part_of(batch, samples, own) if own else Surplus(part_of(batch, samples, range(1)))

    def _read(self, plain: SplitBatches, epoch: int, start: int) -> Iterator[Batch]:
        whole = plain.order.batches(epoch, start)
        own = [self.dealing.share(len(samples)) for samples in whole]
        given = [
            samples[part.start : part.stop] if part else samples[:1]
            for samples, part in zip(whole, own, strict=True)
        ]
        read = replace(plain, order=GivenOrder(plain.order, given), epochs=0).epoch(epoch)
        for part, batch in zip(own, read, strict=True):
            yield batch if part else Surplus(batch)


def dealt(batches: Batches, dealing: Dealing) -> Batches:
    """Return a rank's share of training batches."""
    return batches if dealing.size == 1 else DealtBatches(batches, dealing)


def rounds(split: Batches, limit: int | None, dealing: Dealing) -> Iterator[Batch | None]:
    """Yield the batches that a rank evaluates: one in each round, and None if the last round has none."""
    if isinstance(split, SplitBatches):
        whole = split.order.batches(0)[:limit]
        given = whole[dealing.rank :: dealing.size]
        own = replace(split, order=GivenOrder(split.order, given)).epoch(0)
        for _ in range(0, len(whole), dealing.size):
            yield next(own, None)
        return
    batches = islice(split.epoch(0), limit)
    while turn := list(islice(batches, dealing.size)):
        yield turn[dealing.rank] if dealing.rank < len(turn) else None


def part_of(batch: Batch, samples: int, part: range) -> Batch:
    """Return some of the `samples` of a batch. Raise `RunFailed` for a batch that cannot be divided."""

    def inner(tree: Any) -> Any:
        if isinstance(tree, Tensor):
            if tree.ndim and len(tree) != samples:
                raise _indivisible(f"a tensor of shape {tuple(tree.shape)}")
            return tree[part.start : part.stop] if tree.ndim else tree
        if isinstance(tree, Mapping):
            return {name: inner(value) for name, value in tree.items()}
        if isinstance(tree, tuple | list):
            if len(tree) == samples and not any(_is_batch(each, samples) for each in tree):
                return tree[part.start : part.stop]
            parts = map(inner, tree)
            return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
        if tree is None or isinstance(tree, bool | int | float | str):
            return tree
        raise _indivisible(f"a {type(tree).__qualname__}")

    return inner(batch)


def _is_batch(value: Any, samples: int) -> bool:
    return isinstance(value, Tensor) and value.ndim > 0 and len(value) == samples


def _indivisible(what: str) -> RunFailed:
    return RunFailed(
        f"trainer.devices: a batch of this stream, or of dataset.batch_transform, holds {what}, which cannot "
        "be divided among ranks: let it hold tensors with a row for each sample, or use trainer.devices=1"
    )
