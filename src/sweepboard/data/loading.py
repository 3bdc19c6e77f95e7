"""How samples are read that are not in memory: what `dataset` says about worker processes."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from sweepboard.hardware import cores
from sweepboard.settings import DatasetSettings

log = logging.getLogger(__name__)


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


@cache
def warn_of_few_cores(workers: int, threads: int) -> None:
    """Log once if workers and the threads of torch, which wait for each other, share too few cores.

    The number of threads is not chosen by that of the workers, because it changes the last bits of a result.
    How they wait changes none: OpenMP's threads keep their cores for a while, unless they wait passively.
    """
    there, passive = cores(), os.environ.get("OMP_WAIT_POLICY", "").lower() == "passive"
    if threads > 1 and workers + threads > there and not passive:
        log.warning(
            "dataset.workers=%d and threads=%d share %d %s: OMP_WAIT_POLICY=passive before the command may "
            "make it faster, and so may threads=%d, which changes the last bits",
            workers, threads, there, "cores" if there > 1 else "core", max(1, there - workers),
        )  # fmt: skip
