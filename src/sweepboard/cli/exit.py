"""Exit the process without the half second that Python needs to unload torch's modules one by one.

Everything required at exit still happens: threads are joined, `atexit` handlers run, open files are flushed.
Then the kernel frees the memory at once (mypy exits in the same way). A process that has used a GPU exits
normally, because profilers of its driver write their files at the very end.
"""

from __future__ import annotations

import atexit
import gc
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress


def run_and_leave(main: Callable[[], int]) -> None:
    """Exit the process with the code that `main` returns.

    Call this before any import that may register an exit handler: handlers run in reverse order, and this one
    ends the process.
    """
    codes: list[int] = []
    atexit.register(lambda: _leave(codes))
    codes.append(main())
    sys.exit(codes[0])


def _leave(codes: list[int]) -> None:
    on_a_gpu = getattr(sys.modules.get("torch.cuda"), "is_initialized", None)
    if not codes or on_a_gpu is None or on_a_gpu():  # without torch, or after an interrupted import
        return
    for thing in gc.get_objects():
        if issubclass(type(thing), io.TextIOWrapper | io.BufferedWriter | io.BufferedRandom):
            with suppress(OSError, ValueError):  # a closed file, or a pipe without a reader
                thing.flush()
    os._exit(codes[0])
