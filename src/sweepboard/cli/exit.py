"""The end of the process, without the half second in which Python takes torch's modules down one by one.

What has a right to happen at the end does: threads are waited for, `atexit` handlers run, files that somebody
left open are flushed. Then the kernel takes the memory back at once. (mypy ends in the same way.) A process
that has used a GPU ends as usual, because profilers of its driver write their files at the very end.
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
    """End the process with the exit code that `main` returns. Call it before anything is imported that could
    register a handler, since handlers are called in reverse order and this one leaves."""
    codes: list[int] = []
    atexit.register(lambda: _leave(codes))
    codes.append(main())
    sys.exit(codes[0])


def _leave(codes: list[int]) -> None:
    on_a_gpu = getattr(sys.modules.get("torch.cuda"), "is_initialized", None)
    if not codes or on_a_gpu is None or on_a_gpu():  # without torch, or where its import was cut short
        return
    for thing in gc.get_objects():
        if issubclass(type(thing), io.TextIOWrapper | io.BufferedWriter | io.BufferedRandom):
            with suppress(OSError, ValueError):  # a closed file, or a pipe that nobody reads
                thing.flush()
    os._exit(codes[0])
