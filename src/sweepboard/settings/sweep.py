"""Settings of a sweep. None changes the result of a job, so none is part of a job's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sweepboard.settings.field import setting


@dataclass
class SweepSettings:
    """How `sweepboard -m` runs its jobs; no effect on a single run."""

    name: str | None = setting(None, "place")
    """Folder below `<output_root>/sweeps`; a sweep launched again under its name does only what is missing.
    null takes date, time and the swept keys."""

    zip: list[Any] = setting([], "speed", plugin="sweeper")
    """Keys whose values go together, the first with the first: `[optimizer.lr,dataset.batch_size]`, or a list
    of such lists. All other swept keys are combined."""

    filter: str | None = setting(None, "speed", plugin="sweeper")
    """Keep only the combinations for which this holds: `"optimizer.lr * dataset.batch_size < 10"`."""

    jobs: int | str = setting("auto", "speed", plugin="launcher", choices=("auto",), minimum=1)
    """Jobs at once; `auto` for as many as the cores or GPUs carry."""

    jobs_per_gpu: int = setting(1, "speed", plugin="launcher", minimum=1)
    """Jobs that share a GPU."""

    time_limit: float | None = setting(None, "speed", plugin="launcher", above=0)
    """Seconds a job may take; then it saves, is stopped and counts as failed."""

    on_failure: str = setting("continue", "speed", plugin="launcher", choices=("continue", "stop"))
    """What a failed job means for the others: `continue` with them, or `stop` them."""

    retry: int = setting(0, "speed", plugin="launcher", minimum=0)
    """Times that a failed job is tried again, from its last checkpoint."""
