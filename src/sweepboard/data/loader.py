"""Read samples that are not in memory, in this process or in workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from sweepboard.data.fetcher import Fetcher
from sweepboard.data.loading import Loading
from sweepboard.data.order import in_batches
from sweepboard.data.samples import fetch, unchanged
from sweepboard.data.shared_memory import piece_size
from sweepboard.data.tree import to_device
from sweepboard.data.types import Batch, DataSpec, Split
from sweepboard.data.waiting import waiting

Key = tuple[int, list[int]]
"""An epoch, and samples of one of its batches."""


class LoaderReader:
    """A `Reader` that prefetches batches in worker processes, or reads them on demand in this one.

    `seed` determines the data set's own random transforms.
    """

    def __init__(
        self, split: Split, spec: DataSpec | None, device: torch.device, seed: int, loading: Loading
    ) -> None:
        self._split, self._device, self._seed = split, device, seed
        self._fetcher = Fetcher(partial(_fetch, split, seed), device, loading)
        self._spec, self._loading = spec, loading

    def read(
        self, epoch: int, batches: Sequence[Tensor], following: Callable[[], Sequence[Tensor]] = tuple
    ) -> Iterator[tuple[Tensor, Batch]]:
        """Yield batches, and prefetch those of the next epoch.

        If shared memory, which carries the batches of workers, is small, pairs are fetched in pieces. Raise
        the `UserError` of a worker, or `RunFailed` if the workers failed.
        """
        size = self._piece_size()
        pieces = [_pieces(part, size) for part in batches]
        keys = [(epoch, piece.tolist()) for group in pieces for piece in group]
        fetched = self._fetcher.results(keys, _keys(epoch + 1, following, size))
        for part, group in zip(batches, pieces, strict=True):
            batch = next(fetched) if len(group) == 1 else _joined(fetched, len(group), len(part))
            yield part.to(self._device), to_device(batch, self._device, non_blocking=True)

    def pick(self, samples: Tensor) -> Batch:
        """Implement `Reader.pick` in this process, with the transforms of epoch 0."""
        with waiting:
            batch = fetch(unchanged(self._split), samples.tolist(), self._seed, epoch=0)
        return to_device(batch, self._device, non_blocking=True)

    def _piece_size(self) -> int | None:
        if self._spec is None:
            return None
        return piece_size(self._spec, self._loading.workers, self._loading.prefetch_factor)


def _keys(epoch: int, batches: Callable[[], Sequence[Tensor]], size: int | None) -> Iterator[Key]:
    """Yield the keys of an epoch, whose order is drawn when the first is asked for."""
    for part in batches():
        yield from ((epoch, piece.tolist()) for piece in _pieces(part, size))


def _pieces(batch: Tensor, size: int | None) -> Sequence[Tensor]:
    return in_batches(batch, size or max(1, len(batch)))


def _fetch(split: Split, seed: int, key: Key) -> Batch:
    epoch, indices = key
    return fetch(split, indices, seed, epoch)


def _joined(fetched: Iterator[Batch], pieces: int, samples: int) -> tuple[Tensor, Tensor]:
    """Return one batch of pairs from its pieces, each copied on arrival, which frees its shared memory."""
    piece: tuple[Tensor, Tensor] = next(fetched)
    inputs, targets = (part.new_empty((samples, *part.shape[1:])) for part in piece)
    filled = 0
    for number in range(pieces):
        piece = piece if number == 0 else next(fetched)
        for place, part in zip((inputs, targets), piece, strict=True):
            place[filled : filled + len(part)] = part
        filled += len(piece[1])
    return inputs, targets
