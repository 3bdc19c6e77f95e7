"""Claim the folder of a plan: a new folder, or the folder of the same sweep started earlier."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sweepboard.compose.hydra_values import templates_of
from sweepboard.errors import ConfigError, UserError
from sweepboard.names import label
from sweepboard.runs.differences import between_configs
from sweepboard.runs.folder import RunFolder, make_folder
from sweepboard.runs.lock import only_writer, refuse_links
from sweepboard.runs.saved_run import read_config
from sweepboard.settings import keys_with
from sweepboard.sweeps.folder import SWEEPS, SweepFolder, claim_sweep
from sweepboard.sweeps.plan import Plan, PlannedJob
from sweepboard.sweeps.plan_file import read_plan, write_plan

MakePlan = Callable[[int | None], Plan]
"""Build the plan; `threads` is fixed by an earlier plan of the same sweep."""

Admit = Callable[[Plan, SweepFolder | None], None]
"""Raise `UserError` if jobs of the plan that are missing in the folder, if there is one, can never run."""


class AnotherSweep(UserError):
    """A sweep is started in a folder that holds a different sweep."""


@contextmanager
def claim_folder(
    make: MakePlan, root: Path, named: Path | None, now: datetime, admit: Admit
) -> Iterator[tuple[SweepFolder, Plan]]:
    """Yield the sweep's folder with the plan frozen in it; this process holds its lock during the block.

    The folder is `named`, or a new one below `root`. `admit` is called before anything is written. Raise
    `AnotherSweep` if the named folder holds other jobs, and `FolderLocked` if the sweep is running.
    """
    if named is None:
        plan = make(None)
        admit(plan, None)
        folder = claim_sweep(root, label([f"{key}=" for key in plan.swept]).replace("=", ""), now)
    else:
        refuse_links(RunFolder(named))
        plan, folder = _plan_for(SweepFolder(named), make)
        admit(plan, folder)
    make_folder(folder.path)
    with only_writer(RunFolder(folder.path)):
        write_plan(folder, plan)
        yield folder, plan


def plan_for(named: Path | None, make: MakePlan) -> Plan:
    """Return the plan as it would be run in the folder `named`. Raise `AnotherSweep`."""
    return make(None) if named is None else _plan_for(SweepFolder(named), make)[0]


def named_folder(root: Path, name: str) -> Path:
    """Return the folder of the sweep with that name. Raise `ConfigError` for an invalid name."""
    if label([f"name={name}"]) != f"name={name}":
        raise ConfigError(f"sweep.name={name}: use letters, digits and any of . _ - + only")
    return root / SWEEPS / name


def _plan_for(folder: SweepFolder, make: MakePlan) -> tuple[Plan, SweepFolder]:
    if not folder.plan.is_file():
        if set(RunFolder(folder.path).contents()) - {"plan"}:
            if folder.composed.is_file() and not folder.search.is_file():
                return _plan_of_runs(folder, make), folder
            raise AnotherSweep(f"{folder} holds something else than a sweep: give another sweep.name")
        return make(None), folder
    if folder.search.is_file():
        raise AnotherSweep(f"{folder} holds a search: give another sweep.name")
    old = read_plan(folder)
    new = make(old.threads)
    difference = _difference(folder, old, new)
    if difference:
        raise AnotherSweep(f"{folder} holds another sweep, {difference}")
    return _with_old_labels(old, new), folder


def _plan_of_runs(folder: SweepFolder, make: MakePlan) -> Plan:
    """Return the plan of a folder that has lost its sweep.json, checked against the runs in it.

    Raise `AnotherSweep` if one is no job of it.
    """
    runs = [RunFolder(path) for path in sorted(folder.path.iterdir()) if RunFolder(path).begun]
    configs = {run.path.name: read_config(run) for run in runs}
    plan = make(next((int(config["threads"]) for config in configs.values()), None))
    jobs = {job.label: job for job in plan.jobs}
    for name, config in configs.items():
        if name not in jobs or _is_another(jobs[name], config):
            raise AnotherSweep(
                f"{folder} has lost its sweep.json, and {name} is another job now: "
                "start it as it was started, or give another sweep.name"
            )
    return plan


def _is_another(job: PlannedJob, config: Mapping[str, Any]) -> bool:
    """Return whether a run has other values than the job, except for those that its folder decides."""
    ignored = keys_with("place") | set(templates_of(job.config))
    return any(each.key not in ignored for each in between_configs(job.config.safe, config))


def _with_old_labels(old: Plan, new: Plan) -> Plan:
    # The new plan has the secrets, which are in no file; the old one has the folders' names.
    have = {job.digest: job for job in old.jobs}
    jobs = ((job, have.get(job.digest, job)) for job in new.jobs)
    return replace(new, jobs=tuple(replace(job, label=was.label) for job, was in jobs))


def _difference(folder: SweepFolder, old: Plan, new: Plan) -> str | None:
    """Return the first difference between two plans and what to type; None if their jobs are the same."""
    then, now = {job.digest: job for job in old.jobs}, {job.digest: job for job in new.jobs}
    added = [job for digest, job in now.items() if digest not in then]
    gone = [job for digest, job in then.items() if digest not in now]
    by_label = {job.label: job for job in gone}
    for job in added:
        if job.label in by_label:
            return f"in which {job.label} has {_change(by_label[job.label], job)}: give another sweep.name"
    if added:
        typed = " ".join(override for key, override in added[0].typed.items() if key in new.swept)
        return (
            f"without {added[0].label}: give another sweep.name, or type `sweepboard resume {folder} {typed}`"
        )
    if gone:
        return f"which has {gone[0].label} too: type `sweepboard resume {folder}`, or give another sweep.name"
    return None


def _change(old: PlannedJob, new: PlannedJob) -> str:
    changes = between_configs(old.config.values, new.config.values)
    first = next(change for change in changes if change.key not in keys_with("place"))
    return f"{first.key}={first.then} and not {first.now}"
