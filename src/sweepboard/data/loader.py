"""Reading what is not kept in memory: a DataLoader whose workers stay, and fail in plain words."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.util import Finalize
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sweepboard.data.batches import in_batches
from sweepboard.data.samples import fetch
from sweepboard.data.spec import Split
from sweepboard.errors import RunFailed, UserError
from sweepboard.processes import die_with

Key = tuple[int, list[int]]
"""An epoch, and the samples of one of its batches."""


class LoaderReader:
    """A `Reader` that fetches batches ahead in `workers` processes (0: when asked, in this one).

    `seed` decides what random transforms of the data set's own draw.
    """

    def __init__(self, split: Split, device: torch.device, seed: int, workers: int) -> None:
        self._split, self._device, self._seed = split, device, seed
        self._keys = _Keys()
        self._loader: DataLoader[Any] = DataLoader(
            _Fetching(split, seed),
            batch_size=None,  # a key already stands for a whole batch
            sampler=self._keys,
            collate_fn=_as_it_is,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=device.type == "cuda",
            multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
            worker_init_fn=partial(_prepare_worker, os.getpid()),
            generator=torch.Generator(),  # without one it would draw from the run's own stream
        )
        self._crew: list[Any] = []  # the iterator that has the workers, once there is one
        before_queues_close = 100
        Finalize(self, _dismiss, args=(self._crew,), exitpriority=before_queues_close)

    def read(self, epoch: int, samples: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """See `Reader`. Raises the `UserError` that a worker met, or `RunFailed` where a worker died."""
        self._keys.keys = [(epoch, part.tolist()) for part in in_batches(samples, batch_size)]
        fetched = self._fetched()
        for chosen in in_batches(samples.to(self._device), batch_size):
            inputs, targets = next(fetched)
            yield chosen, self._to_device(inputs), self._to_device(targets)

    def pick(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """See `Reader`; read in this process, looking as in epoch 0."""
        inputs, targets = fetch(self._split, samples.tolist(), self._seed, epoch=0)
        return self._to_device(inputs), self._to_device(targets)

    def _fetched(self) -> Iterator[tuple[Tensor, Tensor]]:
        try:
            for result in self._start_epoch():
                if isinstance(result, UserError):
                    raise result
                yield result
        except Exception as error:
            _dismiss(self._crew)
            if self._loader.num_workers == 0 or not _tells_of_a_dead_worker(error):
                raise
            raise RunFailed(
                "a DataLoader worker died, perhaps for lack of memory: try a smaller dataset.batch_size, or "
                "dataset.workers=0 to see what happens"
            ) from error

    def _start_epoch(self) -> Iterator[Any]:
        with _own_sigchld_handler():
            iterator = iter(self._loader)
        if self._loader.num_workers > 0:
            self._crew[:] = [iterator]
        return iterator

    def _to_device(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._device, non_blocking=True)


class _Keys:
    """The sampler: hands out the keys of the epoch at hand. Workers that stay get each epoch's through it."""

    def __init__(self) -> None:
        self.keys: list[Key] = []

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys)

    def __len__(self) -> int:
        return len(self.keys)


class _Fetching(Dataset[Any]):
    """What runs in a worker: a whole batch for a key, or the mistake that was met, without a traceback."""

    def __init__(self, split: Split, seed: int) -> None:
        self._split, self._seed = split, seed

    def __getitem__(self, key: Key) -> tuple[Tensor, Tensor] | UserError:
        epoch, indices = key
        try:
            return fetch(self._split, indices, self._seed, epoch)
        except UserError as error:
            return error


def _tells_of_a_dead_worker(error: Exception) -> bool:
    """Torch says so, or a batch breaks off on its way; what user code raised begins with "Caught"."""
    if isinstance(error, ConnectionError | EOFError):
        return not str(error).startswith("Caught ")
    return isinstance(error, RuntimeError) and "DataLoader worker (pid" in str(error)


def _as_it_is(batch: Any) -> Any:
    return batch


def _prepare_worker(run: int, _: int) -> None:
    """A signal to the whole group must leave the workers alive until the run has saved; but no worker may
    outlive a run that was killed, for it would hold the run folder's lock. `run` is the run's process, whose
    own child a worker has to be for that: so it is forked, whatever Python's default is."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    die_with(run)


@contextmanager
def _own_sigchld_handler() -> Iterator[None]:
    """Keep torch's SIGCHLD handler away: it raises wherever the main thread happens to be, perhaps in the
    middle of a save. Without it a dead worker is noticed when its batch is waited for."""
    handler = signal.getsignal(signal.SIGCHLD)
    yield
    if signal.getsignal(signal.SIGCHLD) is not handler:
        signal.signal(signal.SIGCHLD, handler)


def _dismiss(crew: list[Any]) -> None:
    """End the workers of the iterator in `crew`, if there is one: when the reader is given up, after an
    error, or when this process ends. Torch alone would wait five seconds for each that is in the middle of a
    sample, and for ever at the end of the process, since they are deaf to SIGTERM."""
    for iterator in crew:
        for worker in iterator._workers:
            worker.kill()
        iterator._shutdown_workers()
    crew.clear()
