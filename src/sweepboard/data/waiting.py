"""Whether this process waits for samples, so that a signal can end a wait that would last forever."""

from __future__ import annotations

from types import TracebackType


class GaveUpWaiting(KeyboardInterrupt):
    """Raised by a signal handler if the wait for a sample continues too long after a signal.

    No training state is half-changed at that point. It is a KeyboardInterrupt so that no `except Exception`
    of user code catches it.
    """


class Waiting:
    """A context in which samples are waited for; `active` is true inside, `number` counts the waits."""

    active = False
    number = 0

    def __enter__(self) -> None:
        self.number += 1
        self.active = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.active = False


waiting = Waiting()
"""One per process, as signal handlers are."""
