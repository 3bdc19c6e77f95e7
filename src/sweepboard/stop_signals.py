"""The signals that ask a process to save and stop, and how processes beside the run ignore them.

They often reach every process of a job: a terminal sends SIGINT and SIGHUP, Slurm sends SIGTERM at a time
limit, `scancel` or a requeue, and SIGUSR1 or SIGUSR2 some time before that. The run saves; its helpers must
live until then.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAMES = ("SIGTERM", "SIGINT", "SIGUSR1", "SIGUSR2", "SIGHUP")
STOP_SIGNALS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))


def ignore_stop_signals() -> dict[int, Any]:
    """Ignore them in this process, those that waited too (`waiting_in_children`). Return the old handlers."""
    before = {signum: signal.signal(signum, signal.SIG_IGN) for signum in STOP_SIGNALS}
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    return before


@contextmanager
def waiting_in_children() -> Iterator[None]:
    """Let these signals wait in processes started by the block until they call `ignore_stop_signals`."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
