"""Torch's own global settings, set for a run and restored after it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sweepboard.settings import TrainerSettings

_CUBLAS, _REPEATABLE = "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
"""What cuBLAS needs to give the same sums each time; it reads it at its first use."""


@contextmanager
def torch_flags(trainer: TrainerSettings) -> Iterator[None]:
    """Set torch's global flags as `trainer` says inside the block, and restore them.

    A setting that is off leaves the flag as it is: it may have been set by the user's own code.
    """
    cudnn = torch.backends.cudnn
    before = (
        *_algorithms(),
        torch.get_float32_matmul_precision(),
        cudnn.deterministic,
        cudnn.benchmark,
        os.environ.get(_CUBLAS),
    )
    try:
        _set(trainer)
        yield
    finally:
        # Only where it was changed: torch imports its compiler to set this flag, which takes a second.
        if _algorithms() != before[:2]:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.set_float32_matmul_precision(before[2])
        cudnn.deterministic, cudnn.benchmark = before[3], before[4]
        if before[5] is None:
            os.environ.pop(_CUBLAS, None)


def _algorithms() -> tuple[bool, bool]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def _set(trainer: TrainerSettings) -> None:
    if trainer.deterministic:
        os.environ.setdefault(_CUBLAS, _REPEATABLE)
        torch.use_deterministic_algorithms(True, warn_only=trainer.deterministic == "warn")
        torch.backends.cudnn.deterministic = True
    if trainer.cudnn_benchmark:
        torch.backends.cudnn.benchmark = True
    if trainer.matmul_precision is not None:
        torch.set_float32_matmul_precision(trainer.matmul_precision)
