"""Processes that end with the one that started them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def die_with(parent: int) -> None:
    """Have the kernel (Linux) kill this process when its parent dies; leave if it has died already.

    `parent` is the id of the process that forked this one, taken before it did.
    """
    _ask_for(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def outlive_parent() -> None:
    """Take `die_with` back, for a process that has work to do when its parent is gone."""
    _ask_for(0)


def _ask_for(signum: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)
