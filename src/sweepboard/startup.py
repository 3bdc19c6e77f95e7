"""What is set once per process, before torch works: allocator, libraries, threads, where output goes."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # from malloc.h
_COLLECT = gc.get_threshold()
_NEXT = ("contextvars", "decimal", "fcntl", "hashlib", "inspect", "json", "pickle", "queue", "subprocess",
         "unicodedata", "uuid", "yaml")  # fmt: skip
"""Modules with libraries of their own that Hydra imports."""


def tune_allocator() -> bool:
    """Let glibc keep the memory that a step frees for the next step. Returns whether that was possible.

    By default glibc gives every large tensor back to the kernel at once, so each update faults thousands of
    pages in again: a third of a CPU update's time. Other C libraries are left alone. Call it before the
    first large allocation; calling it again does no harm.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return False
    kept = libc.mallopt(M_MMAP_THRESHOLD, 1 << 30) and libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    return bool(kept)


def load_torch_ahead() -> None:
    """Begin to load torch's libraries (Linux) beside whatever this process does next.

    They are a fifth of `import torch`, and the only part of it that Python's lock does not keep from running
    on another core. A library that cannot be loaded is left to the import, which will say so. The process
    does not end before it is loaded: the library would be taken down while it is being set up.
    """
    spec = find_spec("torch")
    library = Path(spec.origin or "").parent / "lib" / "libtorch.so" if spec else Path()
    if sys.platform.startswith("linux") and library.is_file():
        for module in _NEXT:  # libraries load one at a time: these would have to wait for torch's
            import_module(module)
        load = ctypes.CDLL(None).dlopen  # called as a C function, because ctypes.CDLL would keep the lock
        Thread(target=load, args=(os.fsencode(library), os.RTLD_LAZY)).start()


@contextmanager
def quick_start() -> Iterator[None]:
    """Collect garbage rarely until `settle`: what start-up makes stays, and looking at it takes time."""
    gc.set_threshold(1_000_000, *_COLLECT[1:])
    try:
        yield
    finally:
        settle()


def settle() -> None:
    """Collect as usual from here on: what training leaves behind may be large."""
    gc.set_threshold(*_COLLECT)


def set_threads(threads: int | None) -> int:
    """Give torch so many CPU threads (None leaves its own choice); returns the number in force.

    The number changes the last bits of results, so it belongs in the record of a run. Must be called before
    torch computes anything.
    """
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    return torch.get_num_threads()


def write_output_to(log: Path) -> None:
    """Append to a file what this process, its C libraries and its children print from now on."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for number in (1, 2):
        os.dup2(handle, number)
    os.close(handle)
