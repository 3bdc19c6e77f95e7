"""What our Hydra plug-ins do: the grid sweeper plans and sees to the end, the local launcher runs jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, env_override
from hydra.experimental.callback import Callback
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from sweepboard import plain_yaml
from sweepboard.compat.hydra import now_is
from sweepboard.compose.override_grammar import quoted
from sweepboard.compose.read_settings import read_settings
from sweepboard.compose.results_folder import asked_for, is_asked_for, refuse_other_directory
from sweepboard.errors import ConfigError, RunFailed
from sweepboard.files import write_atomic, writing
from sweepboard.runs.folder import RunFolder, make_folder
from sweepboard.runs.lock import only_writer, refuse_links
from sweepboard.secrets import masked
from sweepboard.settings import SweepSettings
from sweepboard.sweeps.claim import MakePlan, begun, named_folder, plan_for
from sweepboard.sweeps.composer import Composer
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.grid import grid
from sweepboard.sweeps.hydra_files import COMPOSED
from sweepboard.sweeps.hydra_task import SweepTask
from sweepboard.sweeps.job_status import DONE, JobView, views_of
from sweepboard.sweeps.launch import left_to_do, run_jobs
from sweepboard.sweeps.local_jobs import local_executor
from sweepboard.sweeps.plan import (
    Plan,
    PlannedJob,
    Point,
    extended,
    make_plan,
    threads_per_job,
    with_threads,
)
from sweepboard.sweeps.plan_file import moment_of, read_plan, write_plan
from sweepboard.sweeps.points import check_points
from sweepboard.sweeps.results import write_results
from sweepboard.sweeps.sweep_overrides import refuse_two_of_a_key, typed_words, words_of_jobs
from sweepboard.sweeps.sweep_result import SweepResult
from sweepboard.sweeps.yaml_params import refuse_what_hydra_reads_otherwise

LOCAL = "hydra_plugins.sweepboard.local.LocalLauncher"


@dataclass
class SweepRequest:
    """A sweep as Hydra hands it to a plug-in."""

    context: HydraContext
    task: SweepTask
    config: DictConfig

    @property
    def settings(self) -> SweepSettings:
        """The `sweep` block. Raises `ConfigError` for a value that cannot be."""
        values: dict[str, object] = OmegaConf.to_container(self.config.sweep, resolve=True)  # type: ignore[assignment]
        return read_settings(SweepSettings, values, "sweep")

    @property
    def root(self) -> Path:
        """The output root."""
        return Path(str(self.config.output_root))

    @property
    def folder(self) -> SweepFolder:
        """The folder of the sweep under a sweeper that is not ours."""
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
        """The option of Hydra's own group, `launcher` or `sweeper`."""
        return str(self.config.hydra.runtime.choices.get(f"hydra/{part}"))

    @property
    def runs_here(self) -> bool:
        """Whether the launcher is ours."""
        return bool(self.config.hydra.launcher._target_ == LOCAL)

    @property
    def composer(self) -> Composer:
        """Composes the configurations of points."""
        return Composer(self.context.config_loader, self.config, self.task.config_dirs)


def sweep_grid(request: SweepRequest, words: Sequence[str]) -> SweepResult:
    """Plan every combination, freeze the plan, run the jobs that are not done yet."""
    _refuse_what_would_be_left_aside(request)
    with env_override(request.config.hydra.job.env_set):  # values may name these variables
        make = _planner(request, words_of_jobs(words))
    if request.task.plan_only:
        return _only_planned(request, make)
    with begun(make, request.root, request.named, datetime.now()) as (folder, plan):
        for point in plan.repeated:
            request.task.listener.on_note(f"{point} was asked for more than once: it is one job")
        return SweepResult(_carry_out(request, folder, plan), plan, folder)


def _planner(request: SweepRequest, words: Sequence[str]) -> MakePlan:
    """What makes the plan, once all its points have passed their checks."""
    if not words:
        raise ConfigError("there is nothing to sweep: give a key several values, as optimizer.lr=0.1,0.01")
    settings = request.settings
    points = grid(words, settings.zip, request.context.config_loader)
    moment = moment_of(SweepFolder(request.named)) if request.named else datetime.now()
    with now_is(moment):
        checked = check_points(points, request.composer.compose, settings.filter)
    return lambda threads: replace(
        make_plan(checked, settings, local_executor(settings).resources(), request.task.command, threads),
        moment=moment,
    )


def _only_planned(request: SweepRequest, make: MakePlan) -> SweepResult:
    plan = plan_for(request.named, make)
    folder = SweepFolder(request.named) if request.named else None
    views = list(views_of(plan, folder).values()) if folder else [JobView(job.label) for job in plan.jobs]
    return SweepResult(views, plan, folder)


def _carry_out(request: SweepRequest, folder: SweepFolder, plan: Plan) -> list[JobView]:
    save_composed(request, folder)
    jobs = left_to_do(plan, views_of(plan, folder))
    if request.runs_here:
        return run_jobs(
            folder, plan, jobs, local_executor(request.settings), request.settings, request.task.listener
        )
    return _run_elsewhere(request, folder, plan, jobs)


def _run_elsewhere(
    request: SweepRequest, folder: SweepFolder, plan: Plan, jobs: Sequence[PlannedJob]
) -> list[JobView]:
    """Have another launcher call the task for each job, in the folder that the plan gives it."""
    listener = request.task.listener
    with read_write(request.config), read_write(request.config.hydra), open_dict(request.config):
        request.config.hydra.sweep.dir = str(folder)
        request.config.hydra.overrides.hydra.append(f"hydra.sweep.dir={quoted(str(folder))}")
    launcher = Plugins.instance().instantiate_launcher(request.context, request.task, request.config)
    listener.on_start(folder, list(views_of(plan, folder).values()))
    try:
        if jobs:
            words = [[*job.config.overrides, f"hydra.sweep.subdir={quoted(job.label)}"] for job in jobs]
            launcher.launch(words, initial_job_idx=0)
    finally:
        views = list(views_of(plan, folder).values())
        write_results(folder, plan, views)
        listener.on_end(folder, views)
    return views


def _refuse_what_would_be_left_aside(request: SweepRequest) -> None:
    refuse_own_names(request)
    if request.runs_here:
        refuse_what_hydra_does(request)
    else:
        refuse_settings(request, _OF_THE_LAUNCHER, "launcher", "local")


def refuse_own_names(request: SweepRequest) -> None:
    """Refuse other names for the jobs' folders, and jobs that change into them."""
    if is_asked_for(request.config, "hydra.sweep.subdir"):
        raise ConfigError(
            "hydra.sweep.subdir: a job's folder is called by what is special to it; leave it out"
        )
    refuse_other_directory(request.config)


def refuse_what_hydra_does(request: SweepRequest) -> None:
    """Refuse what Hydra does in jobs that it starts itself, and our launcher would silently leave aside."""
    job = request.config.hydra.job
    for key, value in (("env_set", job.env_set), ("env_copy", job.env_copy)):
        if value:
            raise ConfigError(
                f"hydra.job.{key}: hydra/launcher=local does not do it; use hydra/launcher=basic"
            )
    for callback in request.context.callbacks.callbacks:
        for event in ("on_job_start", "on_job_end"):
            if getattr(type(callback), event, None) not in (None, getattr(Callback, event)):
                raise ConfigError(
                    f"hydra.callbacks: {type(callback).__name__} has {event}, which hydra/launcher=local "
                    "does not call; use hydra/launcher=basic"
                )


_OF_THE_LAUNCHER = ("jobs", "jobs_per_gpu", "time_limit", "on_failure", "retry")


def refuse_settings(request: SweepRequest, keys: Sequence[str], part: str, ours: str) -> None:
    """Refuse settings that another launcher or sweeper than ours would silently leave aside."""
    settings, defaults = request.settings, SweepSettings()
    for key in keys:
        if getattr(settings, key) != getattr(defaults, key):
            raise ConfigError(
                f"sweep.{key}: hydra/{part}={request.chosen(part)} knows nothing of it; "
                f"use hydra/{part}={ours}"
            )


def launch_batch(request: SweepRequest, batch: Sequence[Sequence[str]]) -> list[JobReturn]:
    """Run the points that a sweeper which is not ours asks for; what it asks for again is not run again."""
    refuse_settings(request, ("zip", "filter"), "sweeper", "grid")
    refuse_what_hydra_reads_otherwise(request.config, request.chosen("sweeper"))
    refuse_two_of_a_key(typed_words(request.config), request.chosen("sweeper"))
    refuse_what_hydra_does(request)
    request.task.refuse_to_plan()
    folder = request.folder
    moment = moment_of(folder)
    with now_is(moment):
        points = check_points([words_of_jobs(words) for words in batch], request.composer.compose)
    refuse_links(RunFolder(folder.path))
    make_folder(folder.path)
    with only_writer(RunFolder(folder.path)):
        plan = replace(_plan_so_far(request, folder, points), moment=moment)
        configs = [with_threads(point, plan.threads) for point in points]
        plan = extended(plan, configs)
        write_plan(folder, plan)
        save_composed(request, folder)
        wanted = {config.digest for config in configs}
        jobs = [job for job in left_to_do(plan, views_of(plan, folder)) if job.digest in wanted]
        views = run_jobs(
            folder, plan, jobs, local_executor(request.settings), request.settings, request.task.listener
        )
    labels = {job.digest: job.label for job in plan.jobs}
    by_label = {view.label: view for view in views}
    return [_job_return(by_label[labels[config.digest]], config.overrides) for config in configs]


def _plan_so_far(request: SweepRequest, folder: SweepFolder, points: Sequence[Point]) -> Plan:
    if folder.plan.is_file():
        return read_plan(folder)
    threads = threads_per_job(
        [point.prepared for point in points], local_executor(request.settings).resources()
    )
    return Plan((), threads, request.task.command)


def _job_return(view: JobView, words: Sequence[str]) -> JobReturn:
    returned = JobReturn(overrides=list(words), task_name="sweepboard")
    done = view.state in DONE
    returned.status = JobStatus.COMPLETED if done else JobStatus.FAILED
    returned.return_value = view.score if done else RunFailed(f"{view.label}: {view.reason or view.state}")
    return returned


def save_composed(request: SweepRequest, folder: SweepFolder) -> None:
    """What Hydra composed for the sweep as a whole, under Hydra's own name for it."""
    path = folder.path / COMPOSED
    plain = OmegaConf.to_container(request.config, resolve=False, enum_to_str=True)
    with writing(path):
        write_atomic(path, plain_yaml.dump(masked(plain)))
