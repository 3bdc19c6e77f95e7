"""How many processes train a run: `trainer.devices` as a number, and the devices that they need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from sweepboard.errors import ConfigError
from sweepboard.execution import Resources


def devices_of(trainer: Mapping[str, Any], device: str, resources: Resources | None = None) -> int:
    """Return the processes on each machine for a run on `device`, here or with an executor's `resources`.

    Raise `ConfigError` for more than the machine has GPUs, and for devices that cannot be several.
    """
    given = trainer["devices"]
    if given == "auto":
        return max(1, _gpus(resources)) if device == "cuda" else 1
    if given * trainer["nodes"] == 1:
        return 1
    if device not in ("cpu", "cuda"):
        raise ConfigError(f"trainer.devices: does not go with device={device}: use device=cuda, or cpu")
    is_here = resources is None or resources.here
    if device == "cuda" and is_here and given > (there := _gpus(None)):
        raise ConfigError(f"trainer.devices={given}: there are {there} GPUs here; use fewer, or auto")
    return int(given)


def _gpus(resources: Resources | None) -> int:
    """Return the number of GPUs; to count them takes a moment."""
    return torch.cuda.device_count() if resources is None or resources.here else len(resources.gpus)
