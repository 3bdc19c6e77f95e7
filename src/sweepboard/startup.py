"""Set up the process before torch works: allocator, libraries, threads, output."""

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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import LogRecord

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # from malloc.h
_COLLECT = gc.get_threshold()
_NEXT = ("contextvars", "decimal", "fcntl", "hashlib", "inspect", "json", "pickle", "queue", "subprocess",
         "unicodedata", "uuid", "yaml")  # fmt: skip
"""Modules with compiled libraries that Hydra imports."""


def tune_allocator() -> bool:
    """Let glibc keep the memory that a step frees for the next step. Return whether it could.

    By default glibc returns every large tensor to the kernel at once, so each update faults thousands of
    pages in again: a third of a CPU update's time. Other C libraries are not changed. Call it before the
    first large allocation; it is idempotent.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return False
    kept = libc.mallopt(M_MMAP_THRESHOLD, 1 << 30) and libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    return bool(kept)


def load_torch_ahead() -> None:
    """Start to load torch's libraries (Linux) in a thread, in parallel with other work.

    They are a fifth of `import torch`, and the only part that can run without Python's lock. A library that
    cannot be loaded is skipped; the import will report it. The process waits for the thread at exit, because
    a library must not be unloaded while it is being initialised.
    """
    spec = find_spec("torch")
    library = Path(spec.origin or "").parent / "lib" / "libtorch.so" if spec else Path()
    if sys.platform.startswith("linux") and library.is_file():
        for module in _NEXT:  # libraries load one at a time: these would have to wait for torch's
            import_module(module)
        load = ctypes.CDLL(None).dlopen  # called as a C function, because ctypes.CDLL would keep the lock
        Thread(target=load, args=(os.fsencode(library), os.RTLD_LAZY)).start()


def quiet_matplotlib() -> None:
    """Leave out what Matplotlib says of its cache where the home folder cannot be written."""
    import logging  # `--help` needs none

    logging.getLogger("matplotlib").addFilter(_is_not_of_a_cache)


def _is_not_of_a_cache(record: LogRecord) -> bool:
    return not str(record.msg).startswith(("Matplotlib created a temporary cache", "mkdir -p failed"))


@contextmanager
def quick_start() -> Iterator[None]:
    """Collect garbage rarely until `settle`: objects made at start-up are kept, and scanning them is slow."""
    gc.set_threshold(1_000_000, *_COLLECT[1:])
    try:
        yield
    finally:
        settle()


def settle() -> None:
    """Collect garbage as usual from here on: training may leave large objects."""
    gc.set_threshold(*_COLLECT)


def set_threads(threads: int | None) -> int:
    """Set torch's number of CPU threads (None keeps torch's choice). Return the number in use.

    The number changes the last bits of results, so it is kept in the run's record. Call it before torch
    computes anything.
    """
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    return torch.get_num_threads()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread in the block: for two samples, others only wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def write_output_to(log: Path) -> None:
    """Append the output of this process, its C libraries and its children to a file from now on."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for number in (1, 2):
        os.dup2(handle, number)
    os.close(handle)
