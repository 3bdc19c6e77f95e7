"""The other ranks of a run on this machine: started by rank 0, watched, and ended with it."""

from __future__ import annotations

import ctypes
import os
import selectors
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from weakref import WeakSet

from sweepboard.errors import RunFailed
from sweepboard.execution.channel import Channel
from sweepboard.execution.local.job_server import job_server
from sweepboard.runs.rank_server import PRELOAD
from sweepboard.runs.signal_relay import SignalSocket
from sweepboard.runs.started_ranks import cause_said, killed
from sweepboard.training.distributed import RankLost
from sweepboard.training.signals import StopFlag

RANK = "sweepboard.runs.rank_main:run"
"""The main function of a rank's process."""

PATIENCE = 3.0
"""Seconds that rank 0 has to notice that another one has ended."""


class RankJobs:
    """Ranks 1, 2, ... of a run, as processes of a job server: none of them outlives this process.

    `stop` is that of rank 0; a signal to any rank is told to all. `on_stuck` is called with the reason if
    rank 0 hangs so that it cannot even fail; then the process ends.
    """

    def __init__(self, size: int, timeout: float, stop: StopFlag, on_stuck: Callable[[str], None]) -> None:
        self._server = job_server(PRELOAD)
        self._signals = SignalSocket()
        _open.add(self)
        self._size, self._timeout, self._stop, self._on_stuck = size, timeout, stop, on_stuck
        self._channels: dict[int, Channel] = {}
        self._said: dict[int, dict[str, Any]] = {}
        self._codes: dict[int, int] = {}
        self._changed = threading.Condition()
        self._left = self._closed = False
        self._watcher: threading.Thread | None = None
        self._main = threading.get_ident()

    def start(self, arguments: Mapping[str, Any]) -> None:
        """Start all ranks, each with `arguments` and its number."""
        for rank in range(1, self._size):
            self._channels[rank] = self._server.start(rank, RANK, {**arguments, "rank": rank}, {})
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def let_end(self) -> None:
        """Take the end of a rank for no failure from here on: rank 0 needs them no more."""
        with self._changed:
            self._left = True
            self._changed.notify_all()

    def close(self, wait: float = 0.0) -> None:
        """End the ranks, which have `wait` seconds to end by themselves."""
        self.let_end()
        with self._changed:
            self._changed.wait_for(lambda: len(self._codes) == self._size - 1, wait)
            self._closed = True
        if self._watcher is not None:
            self._watcher.join()
        self._server.close()
        self._signals.close()
        for channel in self._channels.values():
            channel.close()

    def let_go(self) -> None:
        """Close the connections in a process that was forked from this one, such as a DataLoader worker.

        Else the server would not notice the end of this process while that one lives.
        """
        for channel in (self._server.channel, *self._channels.values()):
            channel.close()

    def why(self, lost: RankLost) -> RunFailed:
        """Return what rank 0 fails with after it has lost the others."""
        with self._changed:
            self._changed.wait_for(self._all_said, 2.0)
            return self._cause(lost)

    def _all_said(self) -> bool:
        return len({*self._said, *self._codes}) == self._size - 1

    def _cause(self, lost: RankLost | None) -> RunFailed:
        """Return the first of: a rank that was killed, stopped or failed; one that is silent."""
        for rank, code in self._codes.items():
            if code < 0 and rank not in self._said:
                return killed(rank, -code)
        if (cause := cause_said(self._said)) is not None:
            return cause
        for rank, code in self._codes.items():
            if rank not in self._said:
                return RunFailed(f"rank {rank} exited with code {code} (see ranks/{rank}.log)")
        if self._server.channel.ended:
            return RunFailed("the process that had started the other ranks was killed, and they with it")
        silent = [rank for rank in self._channels if rank not in self._said]
        if lost is None and not silent:
            silent = [0]
        if silent:
            told = ", ".join(f"rank {rank}" for rank in silent)
            return RunFailed(f"{told} did not answer for {self._timeout:g} seconds (trainer.timeout)")
        return lost or RunFailed("the connection between the ranks was lost")

    def _watch(self) -> None:
        """Take what the ranks say and how they end, until all have ended, and tell them of signals."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._signals, selectors.EVENT_READ, None)
            selector.register(self._server.channel, selectors.EVENT_READ, 0)
            for rank, channel in self._channels.items():
                selector.register(channel, selectors.EVENT_READ, rank)
            failed_at = float("inf")
            while len(self._codes) < self._size - 1 and not (self._server.channel.ended or self._closed):
                for key, _ in selector.select(0.1):
                    if key.data is None:
                        self._tell(self._signals.signals() or ())
                    elif self._take(key.data):
                        selector.unregister(key.fileobj)
                if failed_at == float("inf") and self._has_failed():
                    failed_at = time.monotonic()
                if time.monotonic() > failed_at + PATIENCE:
                    break
        if self._has_failed() or self._server.channel.ended:
            self._shake(min(failed_at, time.monotonic()))

    def _take(self, rank: int) -> bool:
        """Take the messages of a rank, or of the server (0); return whether there will be no more."""
        channel = self._channels[rank] if rank else self._server.channel
        messages = channel.poll()
        with self._changed:
            for message in messages:
                if "stop" in message:
                    self._stop.tell(message["stop"])
                    self._tell([message["stop"]])
                elif rank:
                    self._said[rank] = message
                elif "ended" in message:
                    self._codes[message["ended"]] = message["code"]
            self._changed.notify_all()
        return channel.ended

    def _tell(self, signals: Iterable[int]) -> None:
        """Tell all ranks of signals to one; a rank heeds the first that it hears of."""
        for signum in signals:
            for channel in self._channels.values():
                channel.send({"stop": signum})

    def _has_failed(self) -> bool:
        return any(self._codes.values())

    def _shake(self, since: float) -> None:
        """Make rank 0 fail if it has not noticed; end the process if it hangs."""
        for end, act in ((PATIENCE, self._raise_in_main), (2 * PATIENCE, self._exit)):
            with self._changed:
                if self._changed.wait_for(lambda: self._left, max(0.0, since + end - time.monotonic())):
                    return
            act()

    def _raise_in_main(self) -> None:
        name = ctypes.c_ulong(self._main)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(name, ctypes.py_object(RankLost))

    def _exit(self) -> None:
        reason = str(self._cause(None))
        self._on_stuck(reason)
        sys.stderr.write(f"\nsweepboard: {reason}\n")
        self._server.close()
        os._exit(1)


_open: WeakSet[RankJobs] = WeakSet()


def _let_go() -> None:
    for jobs in _open:
        jobs.let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
