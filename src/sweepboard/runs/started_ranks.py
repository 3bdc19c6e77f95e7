"""Ranks that torchrun or srun has started: they meet at a store, where rank 0 leaves the configuration."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from sweepboard.errors import RunFailed
from sweepboard.parent_death import die_with
from sweepboard.rank_environment import StartedRank
from sweepboard.stop_signals import STOP_SIGNALS, ignore_stop_signals, waiting_in_children
from sweepboard.training.distributed import SETUP_SECONDS, RankLost, lost_as_error, store_at
from sweepboard.training.signals import Interrupted

_WORK, _READ, _BUILT = "sweepboard/work", "sweepboard/read", "sweepboard/built"
_SAID = "sweepboard/said/"
_POLL = 0.05
_PATIENCE = 10.0


class Meeting:
    """Where the processes that were started together leave messages for each other."""

    def __init__(self, place: StartedRank, patience: float = SETUP_SECONDS) -> None:
        self.place = place
        self.store = store_at(place.meeting, place.rank, place.size, patience)
        self.announced = False

    def announce(self, work: dict[str, Any] | None) -> None:
        """As rank 0, give the others their work, or None if there is none."""
        self.announced = True
        self.store.set(_WORK, json.dumps(work))

    def work(self) -> dict[str, Any] | None:
        """As another rank, wait for rank 0."""
        self.store.wait([_WORK], timedelta(seconds=SETUP_SECONDS))
        work: dict[str, Any] | None = json.loads(self.store.get(_WORK))
        self.store.add(_READ, 1)
        return work

    def wait_for_first_of_machine(self) -> None:
        """As another rank of a machine, wait until its first one has read the data."""
        if self.place.local_rank:
            with lost_as_error():
                self.store.wait([self._ready], timedelta(seconds=SETUP_SECONDS))

    def first_of_machine_is_ready(self) -> None:
        """As the first rank of a machine, let the others there read the data."""
        if not self.place.local_rank:
            self.store.set(self._ready, "")

    @property
    def _ready(self) -> str:
        return f"sweepboard/ready/{self.place.rank // self.place.local_size}"

    def is_built(self) -> None:
        """As another rank, say that it is built."""
        self.store.add(_BUILT, 1)

    def wait_until_all_are_built(self) -> None:
        """As rank 0, wait for the others. Raise `RunFailed` as soon as one says why it will not come."""
        deadline = time.monotonic() + SETUP_SECONDS
        while self.store.add(_BUILT, 0) < self.place.size - 1 and time.monotonic() < deadline:
            if (cause := cause_said(self._said())) is not None:
                raise cause
            time.sleep(_POLL)

    def send(self, payload: dict[str, Any]) -> None:
        """As another rank, say why it ends."""
        try:
            self.store.set(f"{_SAID}{self.place.rank}", json.dumps(payload))
        except RuntimeError:  # rank 0, which holds the store, has ended
            return

    def why(self, lost: RankLost) -> RunFailed:
        """As rank 0, return why the others were lost, as far as they have said it."""
        deadline = time.monotonic() + 2.0
        while len(said := self._said()) < self.place.size - 1 and time.monotonic() < deadline:
            time.sleep(_POLL)
        return cause_said(said) or _silent(said, self.place.size) or lost

    def _said(self) -> dict[int, dict[str, Any]]:
        keys = {rank: f"{_SAID}{rank}" for rank in range(1, self.place.size)}
        return {
            rank: json.loads(self.store.get(key)) for rank, key in keys.items() if self.store.check([key])
        }

    def dismiss(self) -> None:
        """As rank 0, let the others go if they were given nothing to do; wait a moment until they know."""
        if self.announced:
            return
        self.announce(None)
        deadline = time.monotonic() + 10.0
        while self.store.add(_READ, 0) < self.place.size - 1 and time.monotonic() < deadline:
            time.sleep(_POLL)


def cause_said(said: dict[int, dict[str, Any]]) -> RunFailed | None:
    """Return what the first rank said that was stopped or failed by itself."""
    for rank, one in said.items():
        if "killed" in one:
            return killed(rank, one["killed"])
        if "signum" in one:
            return Interrupted(one["signum"], one["when"])
        if "error" in one:
            return RunFailed(f"rank {rank} (see ranks/{rank}.log): {one['error']}")
    return None


def _silent(said: dict[int, dict[str, Any]], size: int) -> RunFailed | None:
    silent = [str(rank) for rank in range(1, size) if rank not in said]
    return RunFailed(f"rank {', '.join(silent)} has ended, or does not answer") if silent else None


def killed(rank: int, signum: int) -> RunFailed:
    """Return why the run ends when a signal has killed a rank."""
    if signum in STOP_SIGNALS:  # too early or too late to be handled
        return Interrupted(signum)
    why = " (kill -9, or the system where memory ran out)" if signum == signal.SIGKILL else ""
    return RunFailed(f"rank {rank} was killed by {signal.Signals(signum).name}{why}")


def go_on_in_child(place: StartedRank) -> None:
    """As a rank that srun has started, return in a child of this process only.

    This one tells rank 0 if a signal kills the child, and ends with 0: how the run ends is what rank 0 says.
    """
    keeper = os.getpid()
    with waiting_in_children():
        child = os.fork()
        if child == 0:
            die_with(keeper)
            return
    ignore_stop_signals()  # srun sends them to both
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        with suppress(RankLost):  # rank 0 has ended
            Meeting(place, _PATIENCE).send({"killed": -code})
    os._exit(0)


_met: list[Meeting] = []


@contextmanager
def meeting_of(place: StartedRank) -> Iterator[None]:
    """As rank 0, be ready to meet the others; those that no run of the block needed are let go after it."""
    _met.append(Meeting(place))
    try:
        yield
    finally:
        _met.pop().dismiss()


def met() -> Meeting | None:
    """Return where to meet the ranks that torchrun or srun has started, None if we start them."""
    return _met[-1] if _met else None
