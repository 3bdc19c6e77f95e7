"""How samples are read that are not in memory: what `dataset` says about worker processes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sweepboard.settings import DatasetSettings


@dataclass(frozen=True)
class Loading:
    """How the samples of a data set are read that is not in memory."""

    workers: int = 0
    timeout: int | None = None
    """Maximum number of seconds for a batch; None for no limit."""

    prefetch_factor: int = 2
    pin_memory: bool | None = None
    multiprocessing_context: str | None = None
    worker_init_fn: Callable[[int], Any] | None = None

    @classmethod
    def of(cls, settings: DatasetSettings, worker_init_fn: Callable[[int], Any] | None = None) -> Loading:
        """Return the settings that are about reading."""
        names = ("workers", "timeout", "prefetch_factor", "pin_memory", "multiprocessing_context")
        values = {name: getattr(settings, name) for name in names}
        return cls(worker_init_fn=worker_init_fn, **values)

    @property
    def context(self) -> str | None:
        """How worker processes begin. Those of Linux are forked: see `Worker`."""
        return self.multiprocessing_context or ("fork" if sys.platform == "linux" else None)
