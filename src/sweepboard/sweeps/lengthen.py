"""Make the jobs of a sweep longer; its plan is then the same as if it had been planned at that length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import UserError
from sweepboard.execution import Resources
from sweepboard.runs.resume import AnotherRun, refuse_another_run
from sweepboard.settings import keys_with
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.outcome import record_of
from sweepboard.sweeps.plan import Plan, PlannedJob
from sweepboard.sweeps.points import BadPoint
from sweepboard.sweeps.sweep_overrides import key_of
from sweepboard.trust.foreign_config import Trust


def length_overrides(plan: Plan, overrides: Sequence[str]) -> list[str]:
    """Return the overrides that change the length of all jobs.

    A length with several values is a new point instead, and so is any length if the sweep sweeps lengths.
    """
    if any(job.config.program for job in plan.jobs):  # whose keys only the function understands
        return []
    keys = [key for key in keys_with("length") if key not in plan.swept or len(plan.jobs) == 1]
    return [override for override in overrides if key_of(override) in keys and "," not in override]


def lengthened(
    plan: Plan,
    overrides: Sequence[str],
    folder: SweepFolder,
    trust: Trust,
    resources: Resources | None = None,
) -> Plan:
    """Return the plan with the length of every job as in `overrides`; labels stay the same.

    Raise `BadPoint` if the overrides change more than the length or make a job shorter.
    """
    return replace(plan, jobs=tuple(_longer(job, overrides, folder, trust, resources) for job in plan.jobs))


def _longer(
    job: PlannedJob,
    overrides: Sequence[str],
    folder: SweepFolder,
    trust: Trust,
    resources: Resources | None,
) -> PlannedJob:
    try:
        admitted = trust.admitted(job.config)
        shorter = replace(admitted, overrides=_without(admitted.overrides, set(map(key_of, overrides))))
        config = trust.prepare(shorter.with_overrides(overrides), anew=False, resources=resources).config
        refuse_another_run(job.config, config, "start a sweep of that length")
        _refuse_without_effect(config, overrides)
        _refuse_shorter(job, config.steps, folder)
    except UserError as error:
        raise BadPoint(f"in {job.label}: {error}") from error
    return PlannedJob.of(job.label, config, job.number)


def _without(overrides: Sequence[str], keys: set[str]) -> list[str]:
    return [override for override in overrides if key_of(override) not in keys]


def _refuse_without_effect(config: RunConfig, overrides: Sequence[str]) -> None:
    steps = config.settings.trainer.steps
    if steps is not None and all(key_of(override) == "trainer.epochs" for override in overrides):
        raise AnotherRun(f"{overrides[0]}: trainer.steps={steps} is its length; type trainer.steps=N")


def _refuse_shorter(job: PlannedJob, steps: int, folder: SweepFolder) -> None:
    record = record_of(folder.job(job.label))
    if record is not None and steps < record.step:
        raise AnotherRun(f"it has made {record.step} updates and cannot become one of {steps}")
