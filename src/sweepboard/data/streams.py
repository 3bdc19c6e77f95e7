"""Batches of a stream: passes over it, one after the other, divided among workers, taken up anywhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count, islice
from typing import Any

import torch

from sweepboard.data.datasets.reading import name_of
from sweepboard.data.fetcher import Fetcher
from sweepboard.data.loading import Loading
from sweepboard.data.normalise import Normalise
from sweepboard.data.stream_share import Share, State, Stream, Turn
from sweepboard.data.tree import leaves, to_device
from sweepboard.data.types import Batch
from sweepboard.errors import RunFailed, UserError

_REMEMBERED = 64
"""Number of last batches whose positions are known; a checkpoint is never further behind."""


@dataclass(frozen=True)
class Position:
    """A place between two batches of a pass; turns go around the workers."""

    number: int
    """The pass."""

    turn: int = 0
    states: Mapping[int, State] = field(default_factory=dict)
    """The last state of each worker that has given a batch of this pass."""

    def plain(self, workers: int) -> dict[str, Any]:
        """Return the position for a checkpoint."""
        states = [[worker, state] for worker, state in self.states.items()]
        return {"pass": self.number, "turn": self.turn, "workers": workers, "states": states}


@dataclass
class StreamBatches:
    """The `Batches` of a stream.

    Epoch e begins with pass e. An epoch that is longer goes on with the next pass.
    """

    stream: Stream
    length: int
    """Number of batches in an epoch, `ENDLESS` if unknown."""

    size: int
    """Number of samples in an epoch, likewise."""

    device: torch.device
    loading: Loading
    repeats: bool
    """Whether an epoch goes on after a pass; evaluation is one pass."""

    normalise: Normalise | None = None

    def __post_init__(self) -> None:
        self._fetcher = Fetcher(Share(self.stream), self.device, self.loading)
        self._behind: deque[tuple[int, int, Position]] = deque(maxlen=_REMEMBERED)
        self._loaded: dict[tuple[int, int], Position] = {}

    def __len__(self) -> int:
        return self.length

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of epoch `epoch` from batch `start` on.

        From there it goes on at once if `load_state_dict` has given the position; else what comes before is
        read again. Raise `RunFailed` if the stream ends without a batch, or a worker fails.
        """
        number = epoch if self.repeats else 0
        position = self._loaded.get((epoch, start))
        batches = self._batches(position or Position(number))
        if position is None:
            batches = islice(batches, start, None)
        for place, (batch, after) in zip(range(start, self.length), batches, strict=False):
            self._behind.append((epoch, place + 1, after))
            yield self._transformed(batch)

    def first(self, count: int) -> Batch:
        """Return the first `count` samples of the first pass."""
        share = Share(replace(self.stream, batch_size=count, drop_last=False))
        found = share(Turn(0, 0))
        if found is None:
            raise self._empty()
        return self._transformed(found[0])

    def state_dict(self, epoch: int, batch: int) -> dict[str, Any]:
        """Return the position before batch `batch` of epoch `epoch`, empty if it is unknown.

        Before the first batch it is the end of the epoch before, which goes on if the run is lengthened.
        """
        for known_epoch, known_batch, position in reversed(self._behind):
            ended = batch == 0 and known_epoch == epoch - 1
            if ended or (known_epoch, known_batch) == (epoch, batch):
                return {"epoch": known_epoch, "batch": known_batch, **position.plain(self._workers)}
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the position of `state_dict`. Raise `UserError` if it is that of other workers."""
        if not state:
            return
        states = dict(state["states"])
        divided = any(each["divided"] for each in states.values())
        if state["workers"] != self._workers and (divided or any(each["own"] for each in states.values())):
            raise UserError(
                f"dataset.workers: the stream was divided among {state['workers']} when it was saved; go on "
                f"with dataset.workers={state['workers']}"
            )
        if state["workers"] == self._workers:
            self._loaded[state["epoch"], state["batch"]] = Position(state["pass"], state["turn"], states)
        else:  # whole batches go around the workers, so that only their number counts
            self._loaded[state["epoch"], state["batch"]] = Position(state["pass"], state["turn"])

    @property
    def _workers(self) -> int:
        return max(1, self.loading.workers)

    def _batches(self, position: Position) -> Iterator[tuple[Batch, Position]]:
        """Yield batches and the positions after them, from `position` on."""
        for number in count(position.number):
            begin = position if number == position.number else Position(number)
            found = False
            for batch, after in self._pass(begin):
                found = True
                yield batch, after
            if not found and not begin.turn:
                raise self._empty()
            if not self.repeats:
                return

    def _pass(self, position: Position) -> Iterator[tuple[Batch, Position]]:
        """Yield the rest of a pass, which has ended when every worker has once given nothing."""
        states, ended = dict(position.states), set[int]()
        results = self._fetcher.results(_turns(position, ended, self._workers))
        for turn, result in zip(
            count(-(position.turn % self._workers) + position.turn), results, strict=False
        ):
            worker = turn % self._workers
            if turn < position.turn:
                continue
            if result is None:
                ended.add(worker)
                continue
            batch, states[worker] = result
            _check_plain(states[worker]["own"], self.stream.dataset)
            yield batch, Position(position.number, turn + 1, dict(states))

    def _transformed(self, batch: Batch) -> Batch:
        moved = to_device(batch, self.device, non_blocking=True)
        if self.normalise is None:
            return moved
        inputs, targets = moved
        return self.normalise(inputs), targets

    def _empty(self) -> RunFailed:
        return RunFailed(f"the stream {name_of(self.stream.dataset)} ended without a batch")


def _turns(position: Position, ended: set[int], workers: int) -> Iterator[Turn | None]:
    """Yield the turns from `position` on, after as many empty ones as bring the first to its worker.

    The fetcher keeps this iterator, which must not hold the batches: they hold the fetcher, and end the
    workers when they are deleted.
    """
    yield from [None] * (position.turn % workers)
    given = set[int]()
    for turn in count(position.turn):
        if len(ended) == workers:
            return
        worker = turn % workers
        state = None if worker in given else position.states.get(worker)
        given.add(worker)
        yield Turn(position.number, turn // workers, state)


def _check_plain(state: Any, dataset: Any) -> None:
    """Raise `RunFailed` for a state that no checkpoint can hold."""
    for leaf in leaves(state):
        if not (leaf is None or isinstance(leaf, torch.Tensor | bool | int | float | str | bytes)):
            raise RunFailed(
                f"the state_dict of the stream {name_of(dataset)} holds a {type(leaf).__qualname__}: a "
                "checkpoint can hold numbers, texts, tensors, lists and dictionaries; or type "
                "dataset.stream_state=false"
            )
