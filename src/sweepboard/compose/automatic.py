"""What this machine has: the values of `device: auto` and `threads: null`, and what it cannot do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch

from sweepboard.errors import ConfigError


def automatic(config: Mapping[str, Any]) -> dict[str, Any]:
    """`device` and `threads` as the run will use them. Raises `ConfigError` for a device that is not here, or
    that cannot compute in the precision asked for."""
    device = _device(config["device"])
    if config["trainer"]["precision"] == "fp16" and device == "cpu":
        raise ConfigError("trainer.precision=fp16: needs a GPU, and this run is on the CPU; use bf16 or fp32")
    return {"device": device, "threads": config["threads"] or default_threads()}


def default_threads() -> int:
    """`OMP_NUM_THREADS` where it is set, as torch itself has it; else the cores that this process may use."""
    limit = threads_of_environment()
    if limit is not None:
        return limit
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_of_environment() -> int | None:
    """The number in `OMP_NUM_THREADS`, or None."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return int(limit) if limit.isdecimal() and int(limit) > 0 else None


def _device(word: str) -> str:
    if word == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if word.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"device={word}: torch finds no CUDA GPU here; use device=cpu, or auto")
    if word.startswith("cuda:") and int(word[5:]) >= torch.cuda.device_count():
        raise ConfigError(f"device={word}: there are {torch.cuda.device_count()} GPUs here, counted from 0")
    if word == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device=mps: torch finds no Apple GPU here; use device=cpu, or auto")
    return word
