"""Code in a DataLoader's worker: reading batches, and failing without a hang.

A worker passes its batches to a thread of multiprocessing, which sends them. Errors there would be printed
and ignored, and the run would wait for that batch forever. So a batch is moved to shared memory before that,
where an error can still be reported, and any other error of the thread ends the worker.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from sweepboard.compat.python import on_unsendable
from sweepboard.data.forked_files import give_own_positions
from sweepboard.data.shared_memory import no_shared_memory
from sweepboard.data.tree import leaves, map_leaves
from sweepboard.data.types import Batch
from sweepboard.errors import DamagedFile, RunFailed, TooManyOpenFiles, UserError, is_too_many_open_files
from sweepboard.parent_death import die_with
from sweepboard.stop_signals import ignore_stop_signals

_KINDS = (DamagedFile, RunFailed, UserError)
"""Errors that a worker reports, the most specific first."""

TOO_MANY = os.strerror(errno.EMFILE)
"""What torch's own errors say of the limit of open files."""

_LONGEST = 2000
"""Maximum size, in bytes, of a worker's message, small enough for one atomic write."""


@dataclass(frozen=True)
class Mistake:
    """A `UserError` as it is sent from a worker: users' exceptions often cannot be unpickled."""

    kind: type[UserError]
    message: str

    @classmethod
    def of(cls, error: UserError) -> Mistake:
        """Return the message for `error`, as the nearest of our own classes."""
        return cls(next(kind for kind in _KINDS if isinstance(error, kind)), str(error))

    def error(self) -> UserError:
        """Return the error for the run to raise."""
        return self.kind(self.message)


class Fetching(Dataset[Any]):
    """Calls `fetch` with a key; in a worker the result is put into shared memory, ready to be sent."""

    def __init__(self, fetch: Callable[[Any], Any]) -> None:
        self._fetch = fetch

    def __getitem__(self, key: Any) -> Any:
        """Return the result, or the `Mistake` of a worker."""
        if get_worker_info() is None:
            return self._fetched(key)
        try:
            return _shared(self._fetched(key))
        except UserError as error:
            return Mistake.of(error)
        except SystemExit as error:  # would end the worker as if it had been killed
            return Mistake(RunFailed, f"the code called sys.exit({error.code!r})")

    def _fetched(self, key: Any) -> Any:
        try:
            return self._fetch(key)
        except StopIteration as error:  # the DataLoader would take it for the end of all batches
            raise RuntimeError("the code that makes a batch raised StopIteration") from error


class Worker:
    """Prepares each worker process of the process `run` (a DataLoader's `worker_init_fn`).

    It also keeps the last message of a worker that ends itself.
    """

    def __init__(self, run: int, init: Callable[[int], Any] | None = None) -> None:
        self._run, self._init = run, init
        self._heard, self._said = multiprocessing.Pipe(duplex=False)

    def __call__(self, number: int) -> None:
        """Set up signals, open files and the link to the run, then call the user's own `worker_init_fn`.

        A signal to the whole process group must leave the workers alive until the run has saved. But no
        worker may outlive a killed run, since it would hold the run folder's lock. That needs a child of the
        run's own process: so workers are forked or spawned, but do not come from Python's fork server.
        """
        ignore_stop_signals()
        die_with(self._run)
        give_own_positions()
        on_unsendable(self._end)
        sys.excepthook = lambda _, error, __: self._end(error, [None])  # of the thread that hands over files
        if self._init is not None:
            self._init(number)

    def last_words(self) -> str | None:
        """Return why a worker ended itself, or None."""
        return self._heard.recv_bytes().decode() if self._heard.poll() else None

    def _end(self, error: BaseException, item: Any) -> None:
        """End the worker; called in the thread that sends batches if one cannot be sent."""
        # Torch's wrapping of an exception has its text, but cannot be sent if the exception's class is local.
        raised = getattr(item[-1], "exc_msg", None)
        text = f"Caught in a DataLoader worker:\n{raised}" if raised else f"{type(error).__name__}: {error}"
        self._said.send_bytes(text.encode()[:_LONGEST])
        os._exit(1)


def as_failure(error: BaseException, last_words: str | None) -> BaseException:
    """Return the error to raise for an error of a DataLoader.

    One line if the workers failed; what user code raised, with its own traceback, for torch's "Caught ..."
    message.
    """
    if last_words is not None and last_words.startswith("Caught "):
        return RuntimeError(last_words)
    if is_too_many_open_files(error) or TOO_MANY in (last_words or str(error)):
        return TooManyOpenFiles()
    reason = _why_they_failed(error, last_words)
    return error if reason is None else RunFailed(reason)


def _why_they_failed(error: BaseException, last_words: str | None) -> str | None:
    text = str(error)
    if last_words is not None:
        return f"a DataLoader worker could not send a batch: {last_words}; dataset.workers=0 sends none"
    if "DataLoader timed out" in text:
        return f"{text}: a sample may be stuck; dataset.timeout=N waits longer, dataset.workers=0 shows where"
    # A batch is fetched from a socket of its worker, which may be gone.
    is_of_socket = isinstance(error, ConnectionError | EOFError | FileNotFoundError)
    broken = is_of_socket and not text.startswith("Caught ")
    if broken or (isinstance(error, RuntimeError) and "DataLoader worker (pid" in text):
        return (
            "a DataLoader worker died, perhaps for lack of memory: try a smaller dataset.batch_size, or "
            "dataset.workers=0 to see what happens"
        )
    return None


@contextmanager
def own_sigchld_handler() -> Iterator[None]:
    """Disable torch's SIGCHLD handler, which raises at any point of the main thread, even during a save.

    A dead worker is then detected while waiting for its batch.
    """
    handler = signal.getsignal(signal.SIGCHLD)
    yield
    if signal.getsignal(signal.SIGCHLD) is not handler:
        signal.signal(signal.SIGCHLD, handler)


def _shared(batch: Batch) -> Batch:
    try:
        return map_leaves(_in_shared_memory, batch)
    except RuntimeError as error:
        size = sum(leaf.nbytes for leaf in leaves(batch) if isinstance(leaf, Tensor))
        raise no_shared_memory(error, size) from error


def _in_shared_memory(leaf: Any) -> Any:
    """Return a tensor in shared memory; other objects share their tensors when they are sent."""
    if not isinstance(leaf, Tensor) or leaf.layout != torch.strided or leaf.is_nested or leaf.is_cuda:
        return leaf
    if leaf.requires_grad and not leaf.is_leaf:
        leaf = leaf.detach()  # a graph cannot be sent
    return leaf.share_memory_()
