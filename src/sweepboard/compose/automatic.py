"""Resolve `device: auto` and `threads: null` where a run is to run, and refuse devices that are not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from sweepboard.compose.rank_settings import devices_of
from sweepboard.errors import ConfigError
from sweepboard.hardware import default_threads

if TYPE_CHECKING:
    from sweepboard.execution import Resources


def automatic(config: Mapping[str, Any], resources: Resources | None = None) -> dict[str, Any]:
    """Return `device`, `threads` and `trainer` as the run will use them: here, or with `resources`.

    Raise `ConfigError` for a device that is not available or does not support `trainer.precision`.
    """
    device = device_for(config["device"], resources)
    if config["trainer"]["precision"] == "fp16" and device == "cpu":
        raise ConfigError("trainer.precision=fp16: needs a GPU, and this run is on the CPU; use bf16 or fp32")
    devices = devices_of(config["trainer"], device, resources)
    threads = config["threads"] or max(1, default_threads() // devices)
    return {"device": device, "threads": threads, "trainer": {**config["trainer"], "devices": devices}}


def device_for(word: str, resources: Resources | None = None) -> str:
    """Return the device that `word` means: here, or with an executor's `resources`.

    Whether a device is there is known only where the run runs. Raise `ConfigError` if it is not here.
    """
    if resources is None or resources.here:
        return _device_here(word)
    return word if word != "auto" else "cuda" if resources.gpus else "cpu"


def _device_here(word: str) -> str:
    if word == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if word.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"device={word}: torch finds no CUDA GPU here; use device=cpu, or auto")
    if word.startswith("cuda:") and int(word[5:]) >= torch.cuda.device_count():
        raise ConfigError(f"device={word}: there are {torch.cuda.device_count()} GPUs here, counted from 0")
    if word == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device=mps: torch finds no Apple GPU here; use device=cpu, or auto")
    return word
