"""What is set once per process, before torch works: the allocator and the number of threads."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # from malloc.h


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


def set_threads(threads: int | None) -> int:
    """Give torch so many CPU threads (None leaves its own choice); returns the number in force.

    The number changes the last bits of results, so it belongs in the record of a run. Must be called before
    torch computes anything.
    """
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    return torch.get_num_threads()
