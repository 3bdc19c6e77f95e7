"""Signals that stop a run: they set a flag that the loop checks after every update."""

from __future__ import annotations

import signal
import threading
import time
from _thread import start_new_thread
from types import FrameType, TracebackType
from typing import Any

from sweepboard.data.waiting import GaveUpWaiting, waiting
from sweepboard.errors import RunFailed, UserError
from sweepboard.stop_signals import STOP_SIGNALS


class Interrupted(RunFailed):
    """Signal `signum` stopped the run; its state was saved if possible.

    `when` says what was interrupted.
    """

    def __init__(self, signum: int, when: str = "") -> None:
        super().__init__(f"interrupted by {signal.Signals(signum).name}{when}")
        self.signum, self.when = signum, when
        self.exit_code = 128 + signum


class Pruned(UserError):
    """The search stopped the run early because other runs are better. This is not a failure."""

    exit_code = 0


IN_A_WAIT = " while it waited for samples that did not come"
"""The `when` of `Interrupted` for a wait that was given up."""

PATIENCE = 3.0
"""Seconds that a run waits for its next samples after a signal, since they may never come."""

_LOOKS = 0.1
"""Seconds between two looks at such a wait."""


class StopFlag:
    """`with StopFlag() as stop:` turns `STOP_SIGNALS` into `stop.signum` during the block.

    The handler only sets the flag, so that an update is never cut in two. A Ctrl-C (SIGINT) while the
    flag is set restores the earlier handlers and raises KeyboardInterrupt at once. While `at_once` is true
    (there is nothing to save yet) the first signal ends the block at once with `Interrupted`. If after a
    signal the block waits for the same samples for `PATIENCE` seconds, the wait raises `GaveUpWaiting`.
    Outside the main thread, where Python allows no handlers, and without `with`, no signal sets the flag.
    """

    pruned: Pruned | None = None
    """Set when a callback raised `Pruned`; it stops the run in the same way."""

    def __init__(self, at_once: bool = False) -> None:
        self.at_once = at_once
        self.signum: int | None = None
        self._signalled = self._out_of_patience = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopFlag:
        if threading.current_thread() is threading.main_thread():
            self._previous = {signum: signal.signal(signum, self._handle) for signum in _heeded()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
        if self.signum is not None and isinstance(error, GaveUpWaiting):
            raise Interrupted(self.signum, IN_A_WAIT) from None
        if self.signum is not None and self.at_once and isinstance(error, KeyboardInterrupt):
            raise Interrupted(self.signum) from None

    @property
    def received(self) -> int | None:
        """The signal that this process has been sent."""
        return self.signum

    @property
    def is_set(self) -> bool:
        """Whether the run must save and stop."""
        return self.signum is not None or self.pruned is not None

    def check(self) -> None:
        """Raise `Interrupted` if a signal has come, `Pruned` if a callback raised it."""
        if self.signum is not None:
            raise Interrupted(self.signum)
        if self.pruned is not None:
            raise self.pruned

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self._out_of_patience:
            self._out_of_patience = False
            if waiting.active:
                raise GaveUpWaiting
            return
        again = signum == signal.SIGINT and self._signalled
        self._signalled = True
        if again:
            self._restore()
        if again or self.at_once:
            self.signum = self.signum or signum
            raise KeyboardInterrupt  # not caught by an `except Exception` of the user's code
        self.tell(signum)

    def tell(self, signum: int) -> None:
        """Stop the run for a signal, here or from another thread: another process of the run was sent it."""
        if self.signum is None:
            self.signum = signum
            # No lock, unlike threading's own way: this may be a handler.
            start_new_thread(self._lose_patience, ())

    def _lose_patience(self) -> None:
        """Signal the main thread, to end the wait, when it has waited for the same samples for too long."""
        main, wait, since = threading.main_thread().ident, waiting.number, time.monotonic()
        while self._previous and main is not None:
            time.sleep(_LOOKS)
            if not waiting.active or waiting.number != wait:
                wait, since = waiting.number, time.monotonic()
            elif time.monotonic() > since + PATIENCE:
                self._out_of_patience = True
                signal.pthread_kill(main, next(iter(self._previous)))
                return

    def _restore(self) -> None:
        for signum, handler in self._previous.items():
            # None is a handler that C code had installed, which Python cannot put back.
            signal.signal(signum, signal.SIG_DFL if handler is None else handler)
        self._previous = {}


def _heeded() -> list[int]:
    """Return the signals to handle: all but a SIGHUP that `nohup` ignores."""
    hung_up = getattr(signal, "SIGHUP", None)
    return [each for each in STOP_SIGNALS if each != hung_up or signal.getsignal(each) is not signal.SIG_IGN]
