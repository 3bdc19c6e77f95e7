"""Make the Slurm executor for a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sweepboard.compose.read_settings import read_settings
from sweepboard.errors import ConfigError
from sweepboard.execution.slurm import SlurmExecutor
from sweepboard.execution.slurm.commands import refuse_absent
from sweepboard.settings import LAUNCHER, SlurmSettings, SweepSettings
from sweepboard.sweeps.local_jobs import needed


def slurm_executor(values: Mapping[str, Any], sweep: SweepSettings) -> SlurmExecutor:
    """Return an executor with the launcher's settings `values` and the limits in `sweep`.

    Raise `ConfigError` for settings that do not fit together, and `SlurmError` if there is no Slurm here.
    """
    settings = read_settings(SlurmSettings, values, LAUNCHER)
    _check(settings, sweep)
    refuse_absent()
    return SlurmExecutor(settings, preload=needed(), jobs_per_gpu=sweep.jobs_per_gpu)


def _check(settings: SlurmSettings, sweep: SweepSettings) -> None:
    if settings.minutes is not None and settings.warn >= settings.minutes * 60:
        raise ConfigError(
            f"{LAUNCHER}.warn={settings.warn}: is as long as {LAUNCHER}.minutes={settings.minutes}; type a "
            f"smaller number of seconds, as {LAUNCHER}.warn=20"
        )
    if sweep.jobs != SweepSettings.jobs:
        raise ConfigError(f"sweep.jobs: under Slurm, type {LAUNCHER}.at_once={sweep.jobs}")
    if not settings.wait and (sweep.retry or sweep.on_failure != SweepSettings.on_failure):
        raise ConfigError(f"{LAUNCHER}.wait=false: nobody is there for sweep.retry and sweep.on_failure")
