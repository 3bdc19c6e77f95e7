"""Implement our Hydra plug-ins: the grid sweeper runs a sweep, the launchers run batches of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus, env_override
from hydra.experimental.callback import Callback
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from sweepboard import plain_yaml
from sweepboard.compat.hydra import now_is
from sweepboard.compose.read_settings import read_settings
from sweepboard.compose.results_folder import asked_for, is_asked_for, refuse_other_directory
from sweepboard.errors import ConfigError, RunFailed
from sweepboard.execution import Executor
from sweepboard.files import write_atomic, writing
from sweepboard.runs.folder import RunFolder, make_folder
from sweepboard.runs.lock import only_writer, refuse_links
from sweepboard.secrets import masked
from sweepboard.settings import SweepSettings
from sweepboard.sweeps.claim import MakePlan, claim_folder, named_folder, plan_for
from sweepboard.sweeps.composer import Composer
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.grid import grid
from sweepboard.sweeps.hydra_launch import run_by_hydra
from sweepboard.sweeps.hydra_task import SweepTask
from sweepboard.sweeps.job_status import DONE, JobView, views_of
from sweepboard.sweeps.launch import refuse_impossible, remaining_jobs, run_jobs
from sweepboard.sweeps.launcher import GROUP, LauncherChoice, refuse_settings
from sweepboard.sweeps.plan import (
    Plan,
    add_jobs,
    extended,
    make_plan,
    threads_per_job,
    with_threads,
)
from sweepboard.sweeps.plan_file import moment_of, read_plan, write_plan
from sweepboard.sweeps.points import check_points
from sweepboard.sweeps.ranges import refuse_other_count
from sweepboard.sweeps.sweep_overrides import overrides_of_jobs, refuse_two_of_a_key, typed_overrides
from sweepboard.sweeps.sweep_result import SweepResult
from sweepboard.sweeps.yaml_params import refuse_misread_params


@dataclass
class SweepRequest:
    """A sweep as Hydra passes it to a plug-in."""

    context: HydraContext
    task: SweepTask
    config: DictConfig

    @property
    def settings(self) -> SweepSettings:
        """The `sweep` block. Raise `ConfigError` for an invalid value."""
        values: dict[str, object] = OmegaConf.to_container(self.config.sweep, resolve=True)  # type: ignore[assignment]
        return read_settings(SweepSettings, values, "sweep")

    @property
    def root(self) -> Path:
        """The output root."""
        return Path(str(self.config.output_root))

    @property
    def folder(self) -> SweepFolder:
        """The folder of the sweep under a third-party sweeper."""
        return SweepFolder(self.named or Path(str(self.config.hydra.sweep.dir)))

    @property
    def named(self) -> Path | None:
        """The folder that the user named, if any."""
        name, folder = self.settings.name, asked_for(self.config, "hydra.sweep.dir")
        if folder is not None and name is not None:
            raise ConfigError(
                f"sweep.name={name}: hydra.sweep.dir names the folder already; leave out one of them"
            )
        return named_folder(self.root, name) if name else folder

    def chosen(self, part: str) -> str:
        """Return the selected option of Hydra's group `launcher` or `sweeper`."""
        return str(self.config.hydra.runtime.choices.get(f"hydra/{part}"))

    @property
    def launcher(self) -> LauncherChoice:
        """The selected launcher."""
        return LauncherChoice.of(self.config)

    def executor(self) -> Executor | None:
        """Return the executor for its jobs; None for a launcher that calls the task itself."""
        return self.launcher.executor(self.settings)

    @property
    def composer(self) -> Composer:
        """The composer of its points."""
        return Composer(self.context.config_loader, self.config, self.task.config_dirs)


def sweep_grid(request: SweepRequest, overrides: Sequence[str]) -> SweepResult:
    """Plan every combination, freeze the plan and run the jobs that are not done yet."""
    executor = request.executor()
    refuse_own_names(request)
    if executor is not None:
        refuse_hydra_features(request)
    else:
        request.launcher.refuse_limits(request.settings)
    with env_override(request.config.hydra.job.env_set):  # values may name these variables
        make = _planner(request, overrides_of_jobs(overrides), executor)
    if request.task.plan_only:
        return _only_planned(request, make)
    admit = partial(_admit, executor)
    with claim_folder(make, request.root, request.named, datetime.now(), admit) as (folder, plan):
        for point in plan.repeated:
            request.task.listener.on_note(f"{point} was asked for more than once: it is one job")
        return SweepResult(_carry_out(request, folder, plan, executor), plan, folder)


def _admit(executor: Executor | None, plan: Plan, folder: SweepFolder | None) -> None:
    if executor is not None:
        jobs = plan.jobs if folder is None else remaining_jobs(plan, views_of(plan, folder))
        refuse_impossible(executor, jobs)


def _planner(request: SweepRequest, overrides: Sequence[str], executor: Executor | None) -> MakePlan:
    """Return the function that makes the plan, after all points have passed their checks."""
    if not overrides:
        raise ConfigError("there is nothing to sweep: give a key several values, as optimizer.lr=0.1,0.01")
    settings = request.settings
    points = grid(overrides, settings.zip, request.context.config_loader)
    moment = moment_of(SweepFolder(request.named)) if request.named else datetime.now()
    resources = request.launcher.resources(executor)
    with now_is(moment):
        compose, told = request.composer.compose, request.task.listener.on_planning
        checked = check_points(points, compose, resources, settings.filter, told=told)
    return lambda threads: replace(
        make_plan(checked, settings, resources, request.task.command, threads),
        moment=moment,
        launcher=request.launcher,
    )


def _only_planned(request: SweepRequest, make: MakePlan) -> SweepResult:
    plan = plan_for(request.named, make)
    folder = SweepFolder(request.named) if request.named else None
    views = (
        list(views_of(plan, folder).values())
        if folder
        else [JobView(job.label, job.typed) for job in plan.jobs]
    )
    return SweepResult(views, plan, folder)


def _carry_out(
    request: SweepRequest, folder: SweepFolder, plan: Plan, executor: Executor | None
) -> list[JobView]:
    save_composed(request, folder)
    jobs = remaining_jobs(plan, views_of(plan, folder))
    if executor is None:
        return run_by_hydra(request.context, request.task, request.config, folder, plan, jobs)
    return run_jobs(folder, plan, jobs, executor, request.settings, request.task.listener)


def refuse_own_names(request: SweepRequest) -> None:
    """Raise `ConfigError` for custom names of the jobs' folders and for jobs that change into them."""
    if is_asked_for(request.config, "hydra.sweep.subdir"):
        raise ConfigError(
            "hydra.sweep.subdir: a job's folder is called by what is special to it; leave it out"
        )
    refuse_other_directory(request.config)


def refuse_hydra_features(request: SweepRequest) -> None:
    """Raise `ConfigError` for features of Hydra that launchers with an executor lack."""
    job = request.config.hydra.job
    for key, value in (("env_set", job.env_set), ("env_copy", job.env_copy)):
        if value:
            raise ConfigError(
                f"hydra.job.{key}: {GROUP}={request.chosen('launcher')} does not do it; use {GROUP}=basic"
            )
    for callback in request.context.callbacks.callbacks:
        for event in ("on_job_start", "on_job_end"):
            if getattr(type(callback), event, None) not in (None, getattr(Callback, event)):
                raise ConfigError(
                    f"hydra.callbacks: {type(callback).__name__} has {event}, which "
                    f"{GROUP}={request.chosen('launcher')} does not call; use {GROUP}=basic"
                )


def refuse_grid_settings(request: SweepRequest) -> None:
    """Raise `ConfigError` for settings that only the grid sweeper supports."""
    refuse_settings(request.settings, "sweeper", request.chosen("sweeper"), "grid")


def launch_batch(request: SweepRequest, batch: Sequence[Sequence[str]]) -> list[JobReturn]:
    """Run the points that a third-party sweeper asks for; points that have already run are not repeated."""
    refuse_grid_settings(request)
    refuse_misread_params(request.config, request.chosen("sweeper"))
    refuse_two_of_a_key(typed_overrides(request.config), request.chosen("sweeper"))
    refuse_other_count(typed_overrides(request.config), request.chosen("sweeper"))
    refuse_hydra_features(request)
    request.task.refuse_to_plan()
    executor = request.executor()
    assert executor is not None  # a launcher without one has launched the batch itself
    folder = request.folder
    moment = moment_of(folder)
    with now_is(moment):
        asked = [overrides_of_jobs(overrides) for overrides in batch]
        points = check_points(asked, request.composer.compose, executor.resources())
    threads = threads_per_job([point.prepared for point in points], executor.resources())
    refuse_impossible(executor, add_jobs((), [with_threads(point, threads) for point in points]))
    refuse_links(RunFolder(folder.path))
    make_folder(folder.path)
    with only_writer(RunFolder(folder.path)):
        plan = replace(_plan_so_far(request, folder, threads), moment=moment)
        configs = [with_threads(point, plan.threads) for point in points]
        plan = extended(plan, configs)
        write_plan(folder, plan)
        save_composed(request, folder)
        wanted = {config.digest for config in configs}
        jobs = [job for job in remaining_jobs(plan, views_of(plan, folder)) if job.digest in wanted]
        views = run_jobs(folder, plan, jobs, executor, request.settings, request.task.listener)
    labels = {job.digest: job.label for job in plan.jobs}
    by_label = {view.label: view for view in views}
    return [_job_return(by_label[labels[config.digest]], config.overrides) for config in configs]


def _plan_so_far(request: SweepRequest, folder: SweepFolder, threads: int) -> Plan:
    if folder.plan.is_file():
        return replace(read_plan(folder), launcher=request.launcher)
    return Plan((), threads, request.task.command, launcher=request.launcher)


def _job_return(view: JobView, overrides: Sequence[str]) -> JobReturn:
    returned = JobReturn(overrides=list(overrides), task_name="sweepboard")
    done = view.state in DONE
    returned.status = JobStatus.COMPLETED if done else JobStatus.FAILED
    returned.return_value = view.score if done else RunFailed(f"{view.label}: {view.reason or view.state}")
    return returned


def save_composed(request: SweepRequest, folder: SweepFolder) -> None:
    """Write the configuration that Hydra composed for the sweep, under Hydra's own file name."""
    path = folder.composed
    plain = OmegaConf.to_container(request.config, resolve=False, enum_to_str=True)
    with writing(path):
        write_atomic(path, plain_yaml.dump(masked(plain)))
