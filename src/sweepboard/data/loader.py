"""Read samples that are not in memory: a DataLoader with persistent workers and plain error messages."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import active_children
from multiprocessing.util import Finalize
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from sweepboard.compat.torch import WatchedLoader, abandon_workers, end_workers
from sweepboard.data.loader_worker import Fetching, Key, Mistake, Worker, as_failure, own_sigchld_handler
from sweepboard.data.order import in_batches
from sweepboard.data.samples import fetch
from sweepboard.data.shared_memory import piece_size
from sweepboard.data.tree import to_device
from sweepboard.data.types import Batch, DataSpec, Split
from sweepboard.data.waiting import waiting
from sweepboard.errors import RunFailed
from sweepboard.settings import DatasetSettings


@dataclass(frozen=True)
class Loading:
    """How the samples of a data set are read that is not in memory."""

    workers: int = 0
    timeout: int | None = None
    """Maximum number of seconds for a batch; None for no limit."""

    prefetch_factor: int = 2
    pin_memory: bool | None = None
    multiprocessing_context: str | None = None
    worker_init_fn: Callable[[int], Any] | None = None

    @classmethod
    def of(cls, settings: DatasetSettings, worker_init_fn: Callable[[int], Any] | None = None) -> Loading:
        """Return the settings that are about reading."""
        names = ("workers", "timeout", "prefetch_factor", "pin_memory", "multiprocessing_context")
        values = {name: getattr(settings, name) for name in names}
        return cls(worker_init_fn=worker_init_fn, **values)

    @property
    def context(self) -> str | None:
        """How worker processes begin. Those of Linux are forked: see `Worker`."""
        return self.multiprocessing_context or ("fork" if sys.platform == "linux" else None)


class LoaderReader:
    """A `Reader` that prefetches batches in worker processes, or reads them on demand in this one.

    `seed` determines the data set's own random transforms.
    """

    def __init__(
        self, split: Split, spec: DataSpec | None, device: torch.device, seed: int, loading: Loading
    ) -> None:
        self._split, self._spec, self._device, self._seed = split, spec, device, seed
        self._keys, self._prefetched = _Keys(), loading.prefetch_factor
        self._worker = Worker(os.getpid(), loading.worker_init_fn) if loading.workers else None
        self._loader = self._made(loading)
        self._crew: list[Any] = []  # the iterator that has the workers, once there is one
        before_queues_close = 100
        Finalize(self, _dismiss, args=(self._crew,), exitpriority=before_queues_close)

    def _made(self, loading: Loading) -> DataLoader[Any]:
        workers = loading.workers
        return WatchedLoader(
            Fetching(self._split, self._seed),
            batch_size=None,  # a key already stands for a whole batch
            sampler=self._keys,
            collate_fn=_as_it_is,
            num_workers=workers,
            persistent_workers=workers > 0,
            prefetch_factor=loading.prefetch_factor if workers else None,
            pin_memory=self._device.type == "cuda" if loading.pin_memory is None else loading.pin_memory,
            timeout=loading.timeout or 0 if workers else 0,
            multiprocessing_context=loading.context if workers else None,
            worker_init_fn=self._worker,
            generator=torch.Generator(),  # without one it would draw from the run's own stream
        )

    def read(self, epoch: int, batches: Sequence[Tensor]) -> Iterator[tuple[Tensor, Batch]]:
        """Yield batches. Raise the `UserError` of a worker, or `RunFailed` if the workers failed.

        If shared memory, which carries the batches of workers, is small, pairs are fetched in pieces.
        """
        size = (
            None if self._spec is None else piece_size(self._spec, self._loader.num_workers, self._prefetched)
        )
        pieces = [in_batches(part, size or max(1, len(part))) for part in batches]
        self._keys.keys = [(epoch, piece.tolist()) for group in pieces for piece in group]
        fetched = self._fetched()
        for part, group in zip(batches, pieces, strict=True):
            batch = next(fetched) if len(group) == 1 else _joined(fetched, len(group), len(part))
            yield part.to(self._device), to_device(batch, self._device, non_blocking=True)

    def pick(self, samples: Tensor) -> Batch:
        """Implement `Reader.pick` in this process, with the transforms of epoch 0."""
        with waiting:
            batch = fetch(self._split, samples.tolist(), self._seed, epoch=0)
        return to_device(batch, self._device, non_blocking=True)

    def _fetched(self) -> Iterator[Batch]:
        """Yield the workers' results; stop the workers after any error, so that none is left behind."""
        try:
            iterator = self._start_epoch()
            for _ in self._keys.keys:
                with waiting:
                    result = next(iterator)
                if isinstance(result, Mistake):
                    raise result.error()
                yield result
        except GeneratorExit:  # the epoch is left early, and the workers stay for the next one
            raise
        except BaseException as error:
            _dismiss(self._crew)
            failure = as_failure(error, self._worker.last_words()) if self._worker else error
            if failure is error:
                raise
            raise failure from error

    def _start_epoch(self) -> Iterator[Any]:
        before = set(active_children())
        try:
            with own_sigchld_handler():
                iterator = iter(self._loader)
        except OSError as error:
            abandon_workers(error)
            for child in set(active_children()) - before:  # deaf to SIGTERM, so that Python would wait for it
                child.kill()
                child.join()
            raise RunFailed(
                f"dataset.workers={self._loader.num_workers}: so many DataLoader workers cannot be started: "
                f"{error.strerror or error}; use fewer, or dataset.workers=0"
            ) from error
        if self._worker:
            self._crew[:] = [iterator]
        return iterator


class _Keys:
    """The sampler: it passes the keys of the current epoch to persistent workers."""

    def __init__(self) -> None:
        self.keys: list[Key] = []

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys)

    def __len__(self) -> int:
        return len(self.keys)


def _as_it_is(batch: Any) -> Any:
    return batch


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


def _dismiss(crew: list[Any]) -> None:
    """Stop the workers of the iterator in `crew`, if there is one.

    Called when the reader is deleted, after an error, and when this process ends.
    """
    for iterator in crew:
        end_workers(iterator)
    crew.clear()
