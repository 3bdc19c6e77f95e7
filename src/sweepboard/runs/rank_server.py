"""The process that forks the ranks of a run, started before this process imports torch itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from sweepboard.rank_environment import started_rank

PRELOAD = (
    *("numpy.random", "sweepboard.building.build", "torch.distributed", "sweepboard.runs.rank_main"),
    *("torch.nested._internal.nested_tensor", "torch.utils.serialization.config"),
)
"""What every rank imports."""


def rank_server(devices: Any) -> AbstractContextManager[None]:
    """Start, for the block, the server of a run with this `trainer.devices`; none for one process.

    The setting need not have been checked. A server that no run takes ends with the block.
    """
    if not _are_several(devices) or started_rank() is not None:
        return nullcontext()
    from sweepboard.execution import prestarted_server  # few runs need it

    return prestarted_server(PRELOAD)


def devices_in(values: Mapping[str, Any]) -> Any:
    """Return `trainer.devices` of a saved configuration, which has not been checked yet."""
    trainer = values.get("trainer")
    return trainer.get("devices") if isinstance(trainer, Mapping) else None


def _are_several(devices: Any) -> bool:
    if devices == "auto":  # counted here without torch: a wrong answer costs only time
        return len(list(Path("/dev").glob("nvidia[0-9]*"))) > 1
    return isinstance(devices, int) and devices > 1
