"""Read a stream in a worker: its share of the samples, batch after batch, from any position."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import get_worker_info

from sweepboard.compat.torch import watch_worker_info
from sweepboard.compat.webdataset import follow_global_generator
from sweepboard.data.datasets.reading import name_of
from sweepboard.data.seeds import borrowed_global_randomness, derive_seed
from sweepboard.data.tree import leaves
from sweepboard.data.types import Batch
from sweepboard.errors import DamagedFile

State = dict[str, Any]
"""Where a worker is in a pass: samples read (`read`), whether the stream divides itself (`divided`), and the
stream's own state, if it has one (`own`)."""


@dataclass(frozen=True)
class Turn:
    """A request for a worker's next batch."""

    number: int
    """The pass over the stream."""

    batch: int
    """The number of the batch among those of this worker in this pass."""

    state: State | None = None
    """Where the worker was before this batch, if it goes on from a checkpoint."""


@dataclass
class Stream:
    """A stream, the seed of what it draws, and how its samples become batches."""

    dataset: Any
    """Never read itself: a pass reads a copy, so that none begins where another one was left."""

    collate: Callable[[Sequence[Any], Sequence[int]], Batch]
    seed: int
    batch_size: int
    drop_last: bool = False
    uses_state: bool = True
    """Whether a position is reached by the stream's own state, if it has one, not by reading up to it."""


class Share:
    """The batches of one worker. A stream that does not divide itself is divided by whole batches.

    Those who ask torch's `get_worker_info` before the first sample divide themselves. Others are read in
    every worker, each of which keeps every n-th batch, so that the batches are those of one process.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._place: tuple[int, int] | None = None  # the pass and the batch that come next
        self._samples: Iterator[Any] = iter(())
        self._read, self._divided = 0, False
        self._dataset: Any = None

    def __call__(self, turn: Turn | None) -> tuple[Batch, State] | None:
        """Return a batch and the state after it; None at the end of the share, and for no turn."""
        if turn is None:
            return None
        with borrowed_global_randomness() as seed_generators:

            def seed(*place: int | str) -> None:
                seed_generators(derive_seed(self._stream.seed, "stream", turn.number, *place))

            if self._place != (turn.number, turn.batch):
                self._open(turn, seed)
            self._place = turn.number, turn.batch + 1
            return self._next_batch(turn, seed)

    def _open(self, turn: Turn, seed: Seed) -> None:
        """Begin the pass of `turn`, at the state that it holds, if any."""
        info = get_worker_info()
        self._dataset = dataset = fresh_copy(self._stream.dataset)
        if hasattr(dataset, "set_epoch"):
            dataset.set_epoch(turn.number)
        state = turn.state if self._stream.uses_state else None
        seed()  # equal in all workers, which divide the same order
        if state is not None and state["own"] is not None:
            dataset.load_state_dict(state["own"])
            self._samples, self._read, self._divided = iter(dataset), state["read"], state["divided"]
            return
        with watch_worker_info(info) as asked:
            samples = iter(dataset)
            first = self._taken(samples)
        self._divided, self._read = asked(), 0
        self._samples = samples if first is _END else chain([first], samples)

    def _next_batch(self, turn: Turn, seed: Seed) -> tuple[Batch, State] | None:
        worker, workers = _worker()
        own, size = worker if self._divided else 0, self._stream.batch_size

        def next_sample() -> Any:
            if self._read:
                seed(own, self._read)
            sample = self._taken(self._samples)
            self._read += sample is not _END
            return sample

        begin = (turn.batch if self._divided else turn.batch * workers + worker) * size
        while self._read < begin:
            if next_sample() is _END:
                return None
        samples = list(islice(iter(next_sample, _END), size))
        if not samples or (self._stream.drop_last and len(samples) < size):
            return None
        seed("batch", own, begin)
        return self._stream.collate(samples, range(begin, begin + len(samples))), self._state()

    def _taken(self, samples: Iterator[Any]) -> Any:
        try:
            return next(samples, _END)
        except OSError as error:
            raise DamagedFile(f"the stream {name_of(self._dataset)} cannot be read ({error})") from error

    def _state(self) -> State:
        own = getattr(self._dataset, "state_dict", None)
        known = copy.deepcopy(own()) if callable(own) and self._stream.uses_state else None
        return {"read": self._read, "divided": self._divided, "own": known}


def fresh_copy(dataset: Any) -> Any:
    """Return a copy of a stream that was never read, which shares large tensors and arrays with it.

    Small ones may be its state: the epoch of a Hugging Face stream lies in memory that all workers share.
    What cannot be copied wholly (open files, locks) is shared as well.
    """
    arrays = (one for one in leaves(getattr(dataset, "__dict__", {})) if isinstance(one, Tensor | np.ndarray))
    try:
        copied = copy.deepcopy(dataset, {id(one): one for one in arrays if one.nbytes > _SMALL})
    except (TypeError, ValueError, NotImplementedError, RuntimeError, AttributeError):
        copied = copy.copy(dataset)
    follow_global_generator(copied)
    return copied


_END = object()
_SMALL = 1 << 20
"""Size in bytes up to which a tensor of a stream is copied."""

Seed = Callable[..., None]


def _worker() -> tuple[int, int]:
    info = get_worker_info()
    return (0, 1) if info is None else (info.id, info.num_workers)
