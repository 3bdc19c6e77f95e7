"""A sweep whose jobs become longer: from then on it is one that had this length from its start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import UserError
from sweepboard.runs.reload import Trust
from sweepboard.runs.resume import AnotherRun, refuse_another_run
from sweepboard.settings import keys_with
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.outcome import record_of
from sweepboard.sweeps.plan import Plan, PlannedJob
from sweepboard.sweeps.points import BadPoint
from sweepboard.sweeps.sweep_overrides import key_of


def length_words(plan: Plan, words: Sequence[str]) -> list[str]:
    """The words that give all jobs another length; several lengths, or one beside those swept, are points."""
    keys = [key for key in keys_with("length") if key not in plan.swept or len(plan.jobs) == 1]
    return [word for word in words if key_of(word) in keys and "," not in word]


def lengthened(plan: Plan, words: Sequence[str], folder: SweepFolder, trust: Trust) -> Plan:
    """The plan with every job as long as `words` say, under the labels that they have.

    Raises `BadPoint` where that would be other runs, or shorter ones.
    """
    return replace(plan, jobs=tuple(_longer(job, words, folder, trust) for job in plan.jobs))


def _longer(job: PlannedJob, words: Sequence[str], folder: SweepFolder, trust: Trust) -> PlannedJob:
    try:
        admitted = trust.admitted(job.config)
        shorter = replace(admitted, overrides=_without(admitted.overrides, words))
        config = trust.prepare(shorter.with_overrides(words)).config
        refuse_another_run(job.config, config, "start a sweep of that length")
        _refuse_without_effect(config, words)
        _refuse_shorter(job, config.values["facts"]["steps"], folder)
    except UserError as error:
        raise BadPoint(f"in {job.label}: {error}") from error
    return PlannedJob.of(job.label, config, job.number)


def _without(overrides: Sequence[str], words: Sequence[str]) -> list[str]:
    typed = {key_of(word) for word in words}
    return [word for word in overrides if key_of(word) not in typed]


def _refuse_without_effect(config: RunConfig, words: Sequence[str]) -> None:
    steps = config.settings.trainer.steps
    if steps is not None and all(key_of(word) == "trainer.epochs" for word in words):
        raise AnotherRun(f"{words[0]}: trainer.steps={steps} is its length; type trainer.steps=N")


def _refuse_shorter(job: PlannedJob, steps: int, folder: SweepFolder) -> None:
    record = record_of(folder.job(job.label))
    if record is not None and steps < record.step:
        raise AnotherRun(f"it has made {record.step} updates and cannot become one of {steps}")
