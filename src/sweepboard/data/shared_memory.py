"""Batches in shared memory, and how much fits there at once: containers often have 64 MB of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import prod
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from sweepboard.compat.torch import empty_shared
from sweepboard.data.types import DataSpec
from sweepboard.errors import RunFailed

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


def new_batch(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Return a tensor to be filled; in a worker it is in shared memory, and is sent without a copy.

    Raise `RunFailed` if there is not enough.
    """
    if get_worker_info() is None or prod(shape) == 0:
        return torch.empty(tuple(shape), dtype=dtype)
    try:
        return empty_shared(shape, dtype)
    except RuntimeError as error:
        raise no_shared_memory(error, prod(shape) * dtype.itemsize) from error


def no_shared_memory(error: RuntimeError, size: int) -> RunFailed:
    """Return the error of a worker that cannot put `size` bytes into shared memory."""
    free = free_bytes()
    left = "" if free is None else f" ({free / 2**20:.0f} MiB free in {FOLDER})"
    return RunFailed(
        f"a worker found no shared memory for {size / 2**20:.1f} MiB of samples{left}: "
        f"{str(error).splitlines()[0]}; give the container more (docker run --shm-size=2g), or use "
        "dataset.workers=0 or fewer"
    )


def free_bytes() -> int | None:
    """Return the free shared memory in bytes, None if unknown."""
    try:
        found = os.statvfs(FOLDER)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
