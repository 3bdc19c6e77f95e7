"""Finished jobs whose config.yaml has other values than the plan: their results are of another setting."""

from __future__ import annotations

import logging

from sweepboard.runs.alteration import alteration
from sweepboard.runs.differences import Difference, between_configs
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.saved_run import DamagedRun, read_config
from sweepboard.secrets import masked
from sweepboard.settings import keys_with
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.outcome import record_of
from sweepboard.sweeps.plan import Plan, PlannedJob

log = logging.getLogger(__name__)


def warn_of_other_values(folder: SweepFolder, plan: Plan, labels: set[str]) -> None:
    """Warn of each of these jobs whose run has other values of its overrides than the plan."""
    for job in plan.jobs:
        run = folder.job(job.label)
        if job.label in labels and run.config.exists() and (found := _other_values(run, job)):
            log.warning(
                "%s is not what the plan has for %s, so its results are of another setting (%s): "
                "put the file back",
                *(run.config, job.label, ", ".join(map(str, found))),
            )


def _other_values(run: RunFolder, job: PlannedJob) -> list[Difference | DamagedRun]:
    """Return what differs from the plan. A run may be longer and in another place."""
    record = record_of(run)
    if record is not None and alteration(run, record) is None:
        return []  # it was trained with what it says
    try:
        config = read_config(run, whole=False)
    except DamagedRun as error:
        return [error]
    ignored = keys_with("length", "place")
    return [
        difference
        for difference in between_configs(job.config.safe, masked(config))
        if difference.key not in ignored and _is_typed(difference.key, job)
    ]


def _is_typed(key: str, job: PlannedJob) -> bool:
    return any(f"{key}.".startswith(f"{typed}.") for typed in job.typed)
