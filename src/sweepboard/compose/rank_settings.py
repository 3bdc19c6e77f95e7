"""How many processes train a run: `trainer.devices` as a number, and the devices that they need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from sweepboard.errors import ConfigError
from sweepboard.rank_environment import StartedRank, started_rank

if TYPE_CHECKING:
    from sweepboard.execution import Resources


def devices_of(trainer: Mapping[str, Any], device: str, resources: Resources | None = None) -> int:
    """Return the processes on each machine for a run on `device`, here or with an executor's `resources`.

    Raise `ConfigError` for more than the machine has GPUs, and for devices that cannot be several.
    """
    given = trainer["devices"]
    started = started_rank()
    if started is not None:
        return _as_started(trainer, started, device)
    if given == "auto":
        return max(1, _gpus(resources)) if device == "cuda" else 1
    if given * trainer["nodes"] == 1:
        return 1
    if device not in ("cpu", "cuda"):
        raise ConfigError(_NO_DEVICES.format(device=device))
    is_here = resources is None or resources.here
    if device == "cuda" and is_here and given > (there := _gpus(None)):
        raise ConfigError(f"trainer.devices={given}: there are {there} GPUs here; use fewer, or auto")
    return int(given)


def _as_started(trainer: Mapping[str, Any], started: StartedRank, device: str) -> int:
    """Return the processes on each machine as torchrun or srun has started them.

    They see the GPUs of all, or each its own.
    """
    devices = started.local_size if trainer["devices"] == "auto" else trainer["devices"]
    if (devices, trainer["nodes"]) != (started.local_size, started.nodes):
        nodes = f" trainer.nodes={started.nodes}" if started.nodes != trainer["nodes"] else ""
        raise ConfigError(
            f"trainer.devices={trainer['devices']}: {started.starter} has started {started.size} processes: "
            f"type trainer.devices={started.local_size}{nodes}"
        )
    if device == "cuda" and 1 < (there := _gpus(None)) < started.local_size:
        raise ConfigError(
            f"trainer.devices={devices}: {started.starter} has started {started.local_size} processes, and "
            f"there are {there} GPUs here: start one for each"
        )
    if device not in ("cpu", "cuda"):
        raise ConfigError(_NO_DEVICES.format(device=device))
    return int(devices)


_NO_DEVICES = "trainer.devices: does not go with device={device}: use device=cuda, or cpu"


def _gpus(resources: Resources | None) -> int:
    """Return the number of GPUs; to count them takes a moment."""
    return torch.cuda.device_count() if resources is None or resources.here else len(resources.gpus)
