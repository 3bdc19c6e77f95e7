"""How much of a batch fits into shared memory at once: containers often have 64 MB of it."""

from __future__ import annotations

import os
from math import prod
from pathlib import Path

from sweepboard.data.types import DataSpec

FOLDER = Path("/dev/shm")
_HELD = 3
"""Batches that the run itself may hold: the current, the previous and the next."""

_NUMBER = 4
"""Bytes of the largest raw number, a float32."""


def piece_size(spec: DataSpec, workers: int, prefetched: int) -> int | None:
    """Return how many samples each worker may send at once to stay within half of the free shared memory.

    Each worker prefetches `prefetched` batches. At least 1; None if there is no limit.
    """
    free = free_bytes() if workers else None
    if free is None:
        return None
    sample = _NUMBER * (prod(spec.input_shape) + prod(spec.target_shape))
    at_once = prefetched * workers + _HELD
    return max(1, free // 2 // at_once // sample)


def free_bytes() -> int | None:
    """Return the free shared memory in bytes, None if unknown."""
    try:
        found = os.statvfs(FOLDER)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
