"""Make the local executor for a sweep: its limits, and the modules loaded once for all jobs."""

from __future__ import annotations

import sys

from sweepboard.execution import LocalExecutor, local_resources
from sweepboard.settings import SweepSettings

PRELOAD = (
    "sweepboard.sweeps.job_main:warm_up",
    # Modules that numpy, PIL and torch import lazily, but every run uses.
    *("numpy.random", "PIL.PngImagePlugin"),
    *("torch.nested._internal.nested_tensor", "torch.utils.serialization.config"),
)
"""Modules to import and functions to call, once for all jobs."""

_SLOW_IMPORTS = ("torchvision", "torch._dynamo", "timm", "lightning", "transformers")
"""Modules that take a second to import; jobs need one if planning did."""


def local_executor(settings: SweepSettings) -> LocalExecutor:
    """Return an executor for jobs on this machine, with the limits in `settings`. Imports torch."""
    jobs = settings.jobs if isinstance(settings.jobs, int) else None
    return LocalExecutor(local_resources(jobs, settings.jobs_per_gpu), needed())


def needed() -> list[str]:
    """Return what to import and call once for all jobs, after this process has planned them."""
    return [*PRELOAD, *(module for module in _SLOW_IMPORTS if module in sys.modules)]
