"""What runs in a DataLoader's worker: fetching, and the ways in which that fails without a hang.

A worker hands its batches to a thread of multiprocessing's, which sends them. What goes wrong there would be
printed and forgotten, and the run would wait for that batch for ever. So a batch is put into shared memory
before that, where an error can still be told, and any other error of the thread ends the worker.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from sweepboard.compat.python import on_unsendable
from sweepboard.data.samples import fetch
from sweepboard.data.shared_memory import FOLDER, free_bytes
from sweepboard.data.types import Split
from sweepboard.errors import DamagedFile, RunFailed, TooManyOpenFiles, UserError, is_too_many_open_files
from sweepboard.parent_death import die_with

_KINDS = (DamagedFile, RunFailed, UserError)
"""Errors that a worker tells of, the most special first."""

TOO_MANY = os.strerror(errno.EMFILE)
"""What torch's own errors say of the limit of open files."""

_LONGEST = 2000
"""Bytes that a worker may say, few enough to be written at once."""

Key = tuple[int, list[int]]
"""An epoch, and samples of one of its batches."""


@dataclass(frozen=True)
class Mistake:
    """A `UserError` on its way out of a worker: exceptions of one's own often cannot be unpickled."""

    kind: type[UserError]
    message: str

    @classmethod
    def of(cls, error: UserError) -> Mistake:
        """The mistake that `error` is, as the nearest of our own errors."""
        return cls(next(kind for kind in _KINDS if isinstance(error, kind)), str(error))

    def error(self) -> UserError:
        """The error for the run to raise."""
        return self.kind(self.message)


class Fetching(Dataset[Any]):
    """Gives a batch, or a piece of one, for a key; in a worker it is in shared memory, ready to be sent."""

    def __init__(self, split: Split, seed: int) -> None:
        self._split, self._seed = split, seed

    def __getitem__(self, key: Key) -> tuple[Tensor, Tensor] | Mistake:
        epoch, indices = key
        if get_worker_info() is None:
            return fetch(self._split, indices, self._seed, epoch)
        try:
            return _shared(*fetch(self._split, indices, self._seed, epoch))
        except UserError as error:
            return Mistake.of(error)
        except SystemExit as error:  # would end the worker as if it had been killed
            return Mistake(RunFailed, f"the code called sys.exit({error.code!r})")


class Worker:
    """Prepares each worker process of the process `run` (a DataLoader's `worker_init_fn`), and keeps what one
    says before it ends itself."""

    def __init__(self, run: int) -> None:
        self._run = run
        self._heard, self._said = multiprocessing.Pipe(duplex=False)

    def __call__(self, _: int) -> None:
        """A signal to the whole group must leave the workers alive until the run has saved; but no worker may
        outlive a run that was killed, for it would hold the run folder's lock. A worker has to be a child of
        the run's own process for that: so it is forked, whatever Python's default is."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
        die_with(self._run)
        on_unsendable(self._end)
        sys.excepthook = lambda _, error, __: self._end(error, [None])  # of the thread that hands over files

    def last_words(self) -> str | None:
        """Why a worker ended itself, if one did."""
        return self._heard.recv_bytes().decode() if self._heard.poll() else None

    def _end(self, error: BaseException, item: Any) -> None:
        """Called in the thread that sends batches, where one cannot be sent."""
        # Torch's wrapping of an exception has its text, but cannot be sent if the exception's class is local.
        raised = getattr(item[-1], "exc_msg", None)
        text = f"Caught in a DataLoader worker:\n{raised}" if raised else f"{type(error).__name__}: {error}"
        self._said.send_bytes(text.encode()[:_LONGEST])
        os._exit(1)


def as_failure(error: BaseException, last_words: str | None) -> BaseException:
    """The error to raise for one of a DataLoader: a line where the workers failed, and what user code raised,
    which torch's message tells as "Caught", with its own traceback."""
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
    broken = isinstance(error, ConnectionError | EOFError) and not text.startswith("Caught ")
    if broken or (isinstance(error, RuntimeError) and "DataLoader worker (pid" in text):
        return (
            "a DataLoader worker died, perhaps for lack of memory: try a smaller dataset.batch_size, or "
            "dataset.workers=0 to see what happens"
        )
    return None


@contextmanager
def own_sigchld_handler() -> Iterator[None]:
    """Keep torch's SIGCHLD handler away: it raises wherever the main thread happens to be, perhaps in the
    middle of a save. Without it a dead worker is noticed when its batch is waited for."""
    handler = signal.getsignal(signal.SIGCHLD)
    yield
    if signal.getsignal(signal.SIGCHLD) is not handler:
        signal.signal(signal.SIGCHLD, handler)


def _shared(inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    try:
        return inputs.share_memory_(), targets.share_memory_()  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise RunFailed(_no_shared_memory(error, inputs)) from error


def _no_shared_memory(error: RuntimeError, inputs: Tensor) -> str:
    free = free_bytes()
    left = "" if free is None else f" ({free / 2**20:.0f} MiB free in {FOLDER})"
    size = inputs.numel() * inputs.element_size() / 2**20
    return (
        f"a worker found no shared memory for {size:.1f} MiB of samples{left}: {str(error).splitlines()[0]}; "
        "give the container more (docker run --shm-size=2g), or use dataset.workers=0 or fewer"
    )
