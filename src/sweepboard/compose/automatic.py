"""Resolve `device: auto` and `threads: null` on this machine, and refuse devices that it does not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from sweepboard.errors import ConfigError
from sweepboard.hardware import default_threads


def automatic(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return `device` and `threads` as the run will use them.

    Raise `ConfigError` for a device that is not available or does not support `trainer.precision`.
    """
    device = _device(config["device"])
    if config["trainer"]["precision"] == "fp16" and device == "cpu":
        raise ConfigError("trainer.precision=fp16: needs a GPU, and this run is on the CPU; use bf16 or fp32")
    return {"device": device, "threads": config["threads"] or default_threads()}


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
