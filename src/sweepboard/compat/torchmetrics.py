"""States of metrics that no call of `update` has made. Read from torchmetrics 1.9."""

from __future__ import annotations

from typing import Any


def updates_of(metric: Any) -> int:
    """Return how often a metric was updated. When it goes, `update_called` tells whether it was."""
    return int(metric._update_count)


def set_updates(metric: Any, count: int) -> None:
    """Say how often a metric was updated, which `compute` wants to know. When it goes, call `update` once."""
    metric._update_count = count


def measures_alone(metric: Any) -> None:
    """Keep `compute` from gathering states over the process group. Public: an argument of the constructor."""
    metric.distributed_available_fn = _is_alone


def _is_alone() -> bool:
    return False
