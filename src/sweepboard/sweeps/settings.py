"""Settings of a sweep: which combinations it has and how its jobs are run (the config system reads this too).

None of them changes the result of a job, so none is part of a job's own configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sweepboard.errors import ConfigError


@dataclass
class SweepSettings:
    """How `sweepboard -m` goes about its jobs; without effect on a single run."""

    name: str | None = None
    """Folder below `<output_root>/sweeps`; a sweep launched again under its name does only what is missing.
    null takes date, time and the swept keys."""

    zip: list[Any] = field(default_factory=list)
    """Keys whose values go together, the first with the first: `[optimizer.lr,dataset.batch_size]`, or a list
    of such lists. All other swept keys are combined."""

    filter: str | None = None
    """Keep only the combinations for which this holds: `"optimizer.lr * dataset.batch_size < 10"`."""

    jobs: int | str = "auto"
    """Jobs at once; `auto` for as many as the cores or GPUs carry."""

    jobs_per_gpu: int = 1
    """Jobs that share a GPU."""

    time_limit: float | None = None
    """Seconds a job may take; then it saves, is stopped and counts as failed."""

    on_failure: str = "continue"
    """What a failed job means for the others: `continue` with them, or `stop` them."""

    retry: int = 0
    """Times that a failed job is tried again, from its last checkpoint."""


def check(settings: SweepSettings) -> None:
    """Raise `ConfigError` for a value that no sweep can be run with."""
    at_once = settings.jobs
    if not (at_once == "auto" or (isinstance(at_once, int) and at_once >= 1)):
        raise ConfigError(f"sweep.jobs={at_once}: must be auto, or how many jobs run at once")
    if settings.jobs_per_gpu < 1:
        raise ConfigError(f"sweep.jobs_per_gpu={settings.jobs_per_gpu}: must be 1 or more")
    if settings.time_limit is not None and not settings.time_limit > 0:
        raise ConfigError(f"sweep.time_limit={settings.time_limit:g}: must be a number of seconds above 0")
    if settings.retry < 0:
        raise ConfigError(f"sweep.retry={settings.retry}: must be 0 or more")
    if settings.on_failure not in ("continue", "stop"):
        raise ConfigError(f"sweep.on_failure={settings.on_failure}: choose from continue, stop")
