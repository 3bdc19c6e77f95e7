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
    elsewhere = resources is not None and not resources.here
    gpus = len(resources.gpus) if resources and elsewhere else torch.cuda.device_count()
    if given == "auto":
        return max(1, gpus) if device == "cuda" else 1
    several = given * trainer["nodes"] > 1
    if several and device not in ("cpu", "cuda"):
        raise ConfigError(f"trainer.devices: does not go with device={device}: use device=cuda, or cpu")
    if several and device == "cuda" and given > gpus and not elsewhere:
        raise ConfigError(f"trainer.devices={given}: there are {gpus} GPUs here; use fewer, or auto")
    return int(given)
