"""End a process when its parent dies (Linux)."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def die_with(parent: int) -> None:
    """Make the kernel kill this process when its parent dies; exit if it has died already.

    `parent` is the parent's process id, read before this process was created.
    """
    _ask_for(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def outlive_parent() -> None:
    """Undo `die_with`, for a process that has work to do after its parent's death."""
    _ask_for(0)


def _ask_for(signum: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)
