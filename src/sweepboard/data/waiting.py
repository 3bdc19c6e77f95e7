"""Whether this process waits for samples, so that a signal can end a wait that would last for ever."""

from __future__ import annotations

from types import TracebackType


class GaveUpWaiting(KeyboardInterrupt):
    """Raised by a signal handler where the wait for a sample goes on for too long after a signal.

    Nothing of the training is in the middle of a change then. It is a KeyboardInterrupt so that no
    `except Exception` of other people's code holds it up.
    """


class Waiting:
    """`with waiting:` says that samples are waited for; `waiting.active` whether that is so."""

    active = False

    def __enter__(self) -> None:
        self.active = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.active = False


waiting = Waiting()
"""Of this process: signal handlers are the process's own, too."""
