"""Fetch batches from worker processes: a DataLoader with persistent workers and plain error messages."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import chain, count
from multiprocessing import active_children
from multiprocessing.util import Finalize
from typing import Any, cast

import torch
from torch.utils.data import DataLoader

from sweepboard.compat.torch import WatchedLoader, abandon_workers, end_workers
from sweepboard.data.loader_worker import Fetching, Mistake, Worker, as_failure, own_sigchld_handler
from sweepboard.data.loading import Loading, warn_of_few_cores
from sweepboard.data.waiting import waiting
from sweepboard.errors import RunFailed
from sweepboard.stop_signals import waiting_in_children


class Fetcher:
    """Calls a function with keys, one after the other or in worker processes, and yields what it returns.

    Of N workers, worker w is given the keys w, w + N, w + 2N, ... of each iterable, unless some were read
    ahead.
    """

    def __init__(self, fetch: Callable[[Any], Any], device: torch.device, loading: Loading) -> None:
        self._keys = _Keys()
        self._worker = Worker(os.getpid(), loading.worker_init_fn) if loading.workers else None
        self._loader = self._made(fetch, device, loading)
        self._crew: list[Any] = []  # the iterator that has the workers, once there is one
        before_queues_close = 100
        Finalize(self, _dismiss, args=(self._crew,), exitpriority=before_queues_close)

    def _made(self, fetch: Callable[[Any], Any], device: torch.device, loading: Loading) -> DataLoader[Any]:
        workers = loading.workers
        return WatchedLoader(
            Fetching(fetch),
            batch_size=None,  # a key already stands for a whole batch
            sampler=self._keys,
            collate_fn=_as_it_is,
            num_workers=workers,
            persistent_workers=workers > 0,
            prefetch_factor=loading.prefetch_factor if workers else None,
            pin_memory=device.type == "cuda" if loading.pin_memory is None else loading.pin_memory,
            timeout=loading.timeout or 0 if workers else 0,
            multiprocessing_context=loading.context if workers else None,
            worker_init_fn=self._worker,
            generator=torch.Generator(),  # without one it would draw from the run's own stream
        )

    def results(self, keys: Iterable[Any], following: Iterable[Any] = ()) -> Iterator[Any]:
        """Yield the results for `keys`; stop the workers after any error, so that none is left behind.

        Workers that have nothing left to do go on with `following`, what the next call will probably ask for.
        Raise the `UserError` of a worker, or `RunFailed` if the workers failed.
        """
        try:
            iterator = self._started(keys, following if self._worker else ())
            for _ in keys if isinstance(keys, Sequence) else count():
                with waiting:
                    result = next(iterator, _END)
                if result is _END:
                    return
                if self._keys.given:
                    self._keys.given.popleft()
                if isinstance(result, Mistake):
                    raise result.error()
                yield result
        except GeneratorExit:  # left early, and the workers stay for the next keys
            raise
        except BaseException as error:
            _dismiss(self._crew)
            failure = as_failure(error, self._worker.last_words()) if self._worker else error
            if failure is error:
                raise
            raise failure from error

    def _started(self, keys: Iterable[Any], following: Iterable[Any]) -> Iterator[Any]:
        """Return an iterator over the results for `keys`, the one at work if it has begun with them."""
        ahead = list(self._keys.given)
        if self._crew and ahead and isinstance(keys, Sequence) and keys[: len(ahead)] == ahead:
            self._keys.left = chain(keys[len(ahead) :], following)
            return cast(Iterator[Any], self._crew[0])
        self._keys.left = chain(keys, following)
        return self._start()

    def _start(self) -> Iterator[Any]:
        before = set(active_children())
        if self._worker and not self._crew:
            warn_of_few_cores(self._loader.num_workers, torch.get_num_threads())
        try:
            # Workers that live already may make this one wait, and Ctrl-C must end that.
            with own_sigchld_handler(), nullcontext() if self._crew else waiting_in_children():
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
    """The sampler: it passes keys to persistent workers, more of them after it had none left."""

    def __init__(self) -> None:
        self.left: Iterator[Any] = iter(())
        self.given: deque[Any] = deque()
        """Those whose results are still to come, in order."""

    def __iter__(self) -> Iterator[Any]:
        self.given.clear()
        return self

    def __next__(self) -> Any:
        key = next(self.left)
        self.given.append(key)
        return key


_END = object()


def _as_it_is(batch: Any) -> Any:
    return batch


def _dismiss(crew: list[Any]) -> None:
    """Stop the workers of the iterator in `crew`, if there is one.

    Called when the reader is deleted, after an error, and when this process ends.
    """
    for iterator in crew:
        end_workers(iterator)
    crew.clear()
