"""Signals that ask a run to stop: a flag that the loop looks at after every update."""

from __future__ import annotations

import signal
import threading
import time
from _thread import start_new_thread
from types import FrameType, TracebackType
from typing import Any

from sweepboard.data.waiting import GaveUpWaiting, waiting
from sweepboard.errors import RunFailed, UserError

NAMES = ("SIGTERM", "SIGINT", "SIGUSR1", "SIGHUP")
SIGNALS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))
"""Signals that mean: save and leave. Slurm can send SIGUSR1 some time before it kills, and a terminal that is
closed sends SIGHUP."""


class Interrupted(RunFailed):
    """The run was asked to stop by signal `signum`; its state has been saved where that was possible.

    `when` says in the middle of what, if that is worth a word.
    """

    def __init__(self, signum: int, when: str = "") -> None:
        super().__init__(f"interrupted by {signal.Signals(signum).name}{when}")
        self.signum = signum
        self.exit_code = 128 + signum


class Pruned(UserError):
    """The run was stopped in the middle because others of its search do better: it ended well, only early."""

    exit_code = 0


IN_A_WAIT = " while it waited for samples that did not come"
"""What `Interrupted` says where the run gave up a wait."""

PATIENCE = 3.0
"""Seconds that a run waits for its next samples after a signal. They may never come."""


class StopFlag:
    """`with StopFlag() as stop:` turns `SIGNALS` into `stop.signum` during the block.

    The handler only sets the flag, so that an update is never cut in two. A Ctrl-C (SIGINT) while the
    flag is set puts the earlier handlers back and raises KeyboardInterrupt at once. While `at_once` is true
    (there is nothing to save yet) the first signal ends the block with `Interrupted` wherever it is. Where
    the block still waits for the same samples `PATIENCE` seconds after a signal, `GaveUpWaiting` is raised
    there. Outside the main thread, where Python allows no handlers, the flag is never set. Without `with` it
    is a flag that nobody sets.
    """

    pruned: Pruned | None = None
    """Set by the loop where a callback says so; it stops the run in the same way."""

    def __init__(self, at_once: bool = False) -> None:
        self.at_once = at_once
        self.signum: int | None = None
        self._out_of_patience = False
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
    def is_set(self) -> bool:
        """Whether the run is to save and leave."""
        return self.signum is not None or self.pruned is not None

    def check(self) -> None:
        """Raise `Interrupted` if a signal has come, `Pruned` if the run is not worth its time."""
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
        again = signum == signal.SIGINT and self.signum is not None
        self.signum = self.signum or signum
        if again:
            self._restore()
        if again or self.at_once:
            raise KeyboardInterrupt  # which no `except Exception` of other people's code holds up
        if waiting.active:
            start_new_thread(
                self._lose_patience, ()
            )  # no lock, unlike threading's own way: this is a handler

    def _lose_patience(self) -> None:
        """Wake the main thread with a signal where it still waits: it takes no further samples after this."""
        time.sleep(PATIENCE)
        main = threading.main_thread().ident
        if waiting.active and self._previous and self.signum is not None and main is not None:
            self._out_of_patience = True
            signal.pthread_kill(main, self.signum)

    def _restore(self) -> None:
        for signum, handler in self._previous.items():
            # None is a handler that C code had installed, which Python cannot put back.
            signal.signal(signum, signal.SIG_DFL if handler is None else handler)
        self._previous = {}


def _heeded() -> list[int]:
    """All of them, but for a SIGHUP that `nohup` has had ignored."""
    hung_up = getattr(signal, "SIGHUP", None)
    return [each for each in SIGNALS if each != hung_up or signal.getsignal(each) is not signal.SIG_IGN]
