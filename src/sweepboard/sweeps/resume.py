"""Resume a frozen sweep: run the jobs that are missing; points may be added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from sweepboard.building.frozen_variants import FrozenVariants
from sweepboard.building.prepare import Prepared
from sweepboard.compat.hydra import now_is
from sweepboard.compose.hydra_errors import explain
from sweepboard.compose.override_grammar import unquoted
from sweepboard.compose.read_settings import read_settings
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import UserError
from sweepboard.execution import Resources
from sweepboard.formatting import printable
from sweepboard.names import flatten
from sweepboard.runs.differences import between_configs
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.lock import only_writer
from sweepboard.runs.reload import refuse_changed_since
from sweepboard.runs.resume import Changed, refuse_changes
from sweepboard.runs.saved_run import read_run
from sweepboard.secrets import MaskedSecret, is_masked, mask
from sweepboard.settings import Config, SweepSettings, settings_in
from sweepboard.sweeps.added_points import added, points
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.grid import Axis, axis
from sweepboard.sweeps.hydra_launch import resume_by_hydra
from sweepboard.sweeps.hydra_task import SweepTask
from sweepboard.sweeps.job_status import JobView, SweepCallback, views_of
from sweepboard.sweeps.launch import refuse_impossible, remaining_jobs, run_jobs
from sweepboard.sweeps.launcher import GROUP, LauncherChoice, changed_launcher, is_of_launcher
from sweepboard.sweeps.lengthen import length_overrides, lengthened
from sweepboard.sweeps.plan import Plan, PlannedJob, extended
from sweepboard.sweeps.plan_file import read_plan, write_plan
from sweepboard.sweeps.points import BadPoint
from sweepboard.sweeps.ranges import overrides_parser
from sweepboard.sweeps.sweep_overrides import is_setting, key_of, refuse_several
from sweepboard.trust.foreign_config import Trust


@dataclass(frozen=True)
class ResumeRequest:
    """The arguments of `sweepboard resume SWEEP`."""

    overrides: Sequence[str] = ()
    """`trainer.epochs=20` makes its jobs longer, `optimizer.lr=3e-2` adds points, `sweep.jobs=4` changes how
    they run; secrets are typed again."""

    accept_changes: bool = False
    """Continue even if the user's own plan was changed since it was signed, or the data or code of its runs
    have changed."""

    failed: bool = False
    """Retry failed jobs, too."""

    allowed: Sequence[str] = ()
    """Names that the user trusts if the sweep is another user's."""

    config_dirs: Sequence[Path] = ()


def resume_sweep(folder: SweepFolder, wish: ResumeRequest, listener: SweepCallback) -> list[JobView]:
    """Run the remaining jobs of a frozen plan. A `UserError` is raised before any job starts."""
    refuse_unreadable(wish.overrides)
    with only_writer(RunFolder(folder.path)):
        plan = read_plan(folder)
        trust = Trust(plan.own, wish.allowed, folder.path)
        plan = _checked_plan(plan, trust)
        settings = resumed_settings(plan.settings, trust.own, wish.overrides, listener)
        launcher = resumed_launcher(plan.launcher, trust.own, wish.overrides, listener)
        executor = launcher.executor(settings)
        if executor is None:
            launcher.refuse_limits(settings)
        resources = launcher.resources(executor)
        hidden = _secrets(plan)
        overrides = [
            override for override in wish.overrides if is_of_jobs(override) and key_of(override) not in hidden
        ]
        filled = with_secrets(plan, wish.overrides)
        lengths = length_overrides(plan, overrides)
        if lengths:
            filled = lengthened(filled, lengths, folder, trust, resources)
            overrides = [override for override in overrides if override not in lengths]
        wanted = points(overrides, wish.overrides, settings)
        with now_is(plan.moment):
            more = added(filled, wanted, settings.filter, wish.config_dirs, trust, resources)
            longer = extended(filled, list(more))
        jobs = remaining_jobs(longer, views_of(longer, folder), wish.failed)
        check_jobs(folder, jobs, trust, wish.accept_changes, resources)
        refuse_changed_since(plan.origin, folder.path, wish.accept_changes)
        if executor is not None:
            refuse_impossible(executor, jobs)
        if lengths:
            write_plan(folder, longer)
        elif len(longer.jobs) > len(plan.jobs):
            write_plan(folder, replace(longer, jobs=(*plan.jobs, *longer.jobs[len(plan.jobs) :])))
        if len(longer.jobs) > len(plan.jobs):
            listener.on_note(f"{len(longer.jobs) - len(plan.jobs)} jobs added")
        if executor is not None:
            return run_jobs(folder, longer, jobs, executor, settings, listener, accept=wish.accept_changes)
        task = SweepTask(plan.command, wish.config_dirs, listener, accept_changes=wish.accept_changes)
        return resume_by_hydra(launcher, task, folder, longer, jobs)


def is_of_jobs(override: str) -> bool:
    """Return whether an override changes the jobs, and not how they are run."""
    return not is_setting(override) and not is_of_launcher(override)


def resumed_launcher(
    frozen: LauncherChoice, own: bool, overrides: Sequence[str], listener: SweepCallback
) -> LauncherChoice:
    """Return the launcher that the sweep is resumed with.

    A launcher's settings may hold shell commands, so those of a sweep that is not the user's `own` are
    ignored.
    """
    if not own and frozen.option != "local" and not any(map(is_of_launcher, overrides)):
        listener.on_note(f"{GROUP}={frozen.option} is left out of a sweep that is not yours: type it again")
    return changed_launcher(frozen if own else LauncherChoice(), overrides)


def refuse_unreadable(overrides: Sequence[str]) -> None:
    """Raise `ConfigError` for an override that Hydra cannot parse."""
    try:
        overrides_parser().parse_overrides(list(overrides))
    except HydraException as error:
        raise explain(error, overrides) from error


def check_jobs(
    folder: SweepFolder,
    jobs: Sequence[PlannedJob],
    trust: Trust,
    accept: bool,
    resources: Resources | None = None,
) -> None:
    """Raise `BadPoint` for the first job that can no longer run.

    Data or code may have changed or gone, or this may be another machine.
    """
    new = FrozenVariants(partial(trust.prepare, resources=resources))
    for job in jobs:
        try:
            run, config = folder.job(job.label), trust.admitted(job.config)
            if run.begun:
                prepared = trust.prepare(config, anew=False, resources=resources)
                refuse_changes(read_run(run.path), prepared, accept)
            else:
                _refuse_other_data(job, new.prepare(config), accept)
        except UserError as error:
            raise BadPoint(f"in {job.label}: {error}") from error


def _refuse_other_data(job: PlannedJob, prepared: Prepared, accept: bool) -> None:
    planned, now = ({"facts": each.values.get("facts")} for each in (job.config, prepared.config))
    found = between_configs(planned, now)
    if found and not accept:
        raise Changed(
            f"{', '.join(map(str, found))}: the data are not those that it was planned for; "
            "put them back, or add --accept-changes"
        )


def _checked_plan(plan: Plan, trust: Trust) -> Plan:
    """Return the plan; check every job of a foreign plan, and put its results below this user's root."""
    if trust.own:
        return plan
    for job in plan.jobs:
        trust.refuse(job.config)
    root = Config.output_root
    jobs = [replace(job, config=job.config.with_values(output_root=root)) for job in plan.jobs]
    return replace(plan, jobs=tuple(jobs))


def resumed_settings(
    saved: Mapping[str, Any], own: bool, overrides: Sequence[str], listener: SweepCallback
) -> SweepSettings:
    """Return the settings that the sweep was started with, changed by the overrides typed now.

    A sweep that is not the user's `own` does not say how many jobs run at once, nor how often they are tried.
    """
    known = {item.name for item in fields(SweepSettings)}
    values = {name: value for name, value in saved.items() if name in known}
    if not own:
        values = _without_launching(values, listener)
    for each in OverridesParser.create().parse_overrides(
        [override for override in overrides if is_setting(override)]
    ):
        refuse_several(each)
        values[each.key_or_group.removeprefix("sweep.")] = each.value()
    return read_settings(SweepSettings, values, "sweep")


def _without_launching(values: Mapping[str, Any], listener: SweepCallback) -> dict[str, Any]:
    """Return the settings without those of the launcher; tell of each that is no default."""
    of_launcher = {each.name: each for each in settings_in(SweepSettings) if each.rules.plugin == "launcher"}
    for name, setting in of_launcher.items():
        if values.get(name, setting.default) != setting.default:
            word = printable(f"sweep.{name}={values[name]}")
            listener.on_note(f"{word} is left out of a sweep that is not yours: type it again")
    return {name: value for name, value in values.items() if name not in of_launcher}


def _secrets(plan: Plan) -> set[str]:
    """Return the keys of the plan's secrets. Jobs share most of their groups, which are looked at once."""
    groups = {(name, id(group)): group for job in plan.jobs for name, group in job.config.values.items()}
    leaves = (leaf for (name, _), group in groups.items() for leaf in flatten({name: group}))
    return {key for key, value in leaves if is_masked(value)}


def with_secrets(plan: Plan, overrides: Sequence[str]) -> Plan:
    """Return the plan with its secrets, which are in no file and typed again. Raise `MaskedSecret`."""
    wanted = _secrets(plan)
    if not wanted:
        return plan
    typed = {key: axis.choices for axis in _axes(overrides) for key in axis.keys if key in wanted}
    for key in wanted - typed.keys():
        raise MaskedSecret(f"{key} was a secret and is not in the plan: give it again with {key}=...")
    return replace(plan, jobs=tuple(_with_secret(job, typed) for job in plan.jobs))


def _axes(overrides: Sequence[str]) -> Iterator[Axis]:
    return map(
        axis, overrides_parser().parse_overrides([override for override in overrides if is_of_jobs(override)])
    )


def _with_secret(job: PlannedJob, typed: Mapping[str, Sequence[Sequence[str]]]) -> PlannedJob:
    hidden = {key: value for key, value in flatten(job.config.values) if is_masked(value)}
    overrides = [
        _of_the_job(key, value, [override for (override,) in typed[key]]) for key, value in hidden.items()
    ]
    return replace(job, config=_with_values(job.config, overrides)) if overrides else job


def _with_values(config: RunConfig, overrides: Sequence[str]) -> RunConfig:
    """Return `config` with retyped values, which do not count as overrides."""
    return replace(config, values=config.with_overrides(overrides).values)


def _of_the_job(key: str, value: Any, overrides: Sequence[str]) -> str:
    """Return the override of a secret that the job had; a single override may be a new secret."""
    for override in overrides:
        if len(overrides) == 1 or mask(unquoted(override.partition("=")[2])) == value:
            return override
    raise MaskedSecret(f"{key}: no value that was given is the one of {value}: give all that were swept")
