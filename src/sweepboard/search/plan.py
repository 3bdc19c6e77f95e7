"""Implement the Hydra plug-in `hydra/sweeper=optuna`: check and freeze the space, then run the search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from itertools import product
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import OmegaConf

from sweepboard.building.prepare import Prepared
from sweepboard.compose.read_settings import read_settings
from sweepboard.errors import ConfigError
from sweepboard.execution import Executor, Resources
from sweepboard.names import label
from sweepboard.runs.differences import between_configs
from sweepboard.runs.folder import RunFolder, make_folder
from sweepboard.runs.lock import only_writer, refuse_links
from sweepboard.search.objective import objectives_of
from sweepboard.search.samplers import check_packages, check_together
from sweepboard.search.search_file import Search, frozen, is_own_search, read_search, write_search
from sweepboard.search.space import Axis, Choices, Space, axis_of
from sweepboard.secrets import is_masked, masked
from sweepboard.settings import LAUNCHER, SEARCH, SearchSettings, SweepSettings
from sweepboard.sweeps.claim import AnotherSweep
from sweepboard.sweeps.folder import SweepFolder, claim_sweep
from sweepboard.sweeps.hydra_plugins import (
    SweepRequest,
    refuse_grid_settings,
    refuse_own_names,
    save_composed,
)
from sweepboard.sweeps.launcher import LauncherChoice
from sweepboard.sweeps.plan import Plan, threads_per_job
from sweepboard.sweeps.plan_file import write_plan
from sweepboard.sweeps.points import check_points
from sweepboard.sweeps.ranges import overrides_parser
from sweepboard.sweeps.sweep_overrides import last_of_each_key, overrides_of_jobs
from sweepboard.sweeps.sweep_result import SweepResult
from sweepboard.sweeps.yaml_params import overrides_of_params
from sweepboard.training.intervals import Intervals


def search(request: SweepRequest, values: Mapping[str, Any], overrides: Sequence[str]) -> SweepResult:
    """Run a new search in the space of `overrides` with the sweeper's settings `values`, or continue it.

    `params` among the settings is a space in YAML; the overrides take precedence.
    """
    plain: Any = OmegaConf.to_container(OmegaConf.create(dict(values)))
    plain.pop("params", None)
    overrides = [*overrides_of_params(request.config), *overrides]
    settings = read_settings(SearchSettings, plain, SEARCH)
    check_packages(settings)
    from sweepboard.search.run import example_of, run_search  # imports Optuna

    request.task.refuse_to_plan()
    refuse_own_names(request)
    refuse_grid_settings(request)
    executor = executor_of(request.launcher, request.settings)
    wanted = make_search(request, settings, overrides_of_jobs(overrides), executor.resources())
    like = example_of(wanted, executor)
    with claim_folder(request, wanted) as (folder, made):
        save_composed(request, folder)
        views = run_search(folder, made, executor, like, request.settings, request.task.listener)
        return SweepResult(views, folder=folder)


def executor_of(launcher: LauncherChoice, settings: SweepSettings) -> Executor:
    """Return the executor for trials. Raise `ConfigError` for a launcher that has none."""
    executor = launcher.executor(settings)
    if executor is None:
        raise ConfigError(
            "hydra/sweeper=optuna looks at its jobs while they run, which "
            f"hydra/launcher={launcher.option} does not let it: use hydra/launcher=local, slurm or ray"
        )
    if not executor.waits:
        raise ConfigError(f"{LAUNCHER}.wait=false: a search waits for its jobs, to choose those that follow")
    return executor


def make_search(
    request: SweepRequest, settings: SearchSettings, overrides: Sequence[str], resources: Resources
) -> Search:
    """Return the search after composing the corners of its space. Raise `ConfigError`."""
    fixed, space = parsed(overrides, request.context.config_loader)
    composer = request.composer
    groups = [
        axis
        for axis in space.axes
        if isinstance(axis, Choices) and not composer.sets_a_value(axis.override(axis.values[0]))
    ]
    chosen = product(*([axis.override(value) for value in axis.values] for axis in groups))
    moment = datetime.now()
    made = Search(
        settings=settings,
        space=space,
        fixed=tuple(fixed),
        bases={" ".join(choice): frozen(composer.compose([*fixed, *choice]), moment) for choice in chosen},
        command=request.task.command,
        sweep=asdict(request.settings),
        launcher=request.launcher,
        config_dirs=tuple(request.task.config_dirs),
    )
    return _checked(made, [axis.key for axis in groups], resources)


def parsed(overrides: Sequence[str], loader: ConfigLoader | None = None) -> tuple[list[str], Space]:
    """Return the overrides that all trials share, and the space of the others.

    Raise `ConfigError` if there is nothing to search.
    """
    parsed = last_of_each_key(overrides_parser(loader).parse_overrides(list(overrides)))
    axes = tuple(axis_of(each) for each in parsed if each.is_sweep_override())
    _refuse_two_axes_of_a_key(axes)
    _refuse_secrets(axes)
    if not axes:
        raise ConfigError(
            "there is nothing to search: give a key an interval, "
            "as 'optimizer.lr=tag(log, interval(1e-4, 1e-1))'"
        )
    return [str(each.input_line) for each in parsed if not each.is_sweep_override()], Space(axes)


def _refuse_two_axes_of_a_key(axes: Sequence[Axis]) -> None:
    keys = [axis.key.lstrip("+") for axis in axes]
    for key in keys:
        if keys.count(key) > 1:
            raise ConfigError(f"{key}: has values twice, options and mappings; search only one of them")


def _refuse_secrets(axes: Sequence[Axis]) -> None:
    """Raise `ConfigError` if a secret is searched: a study records the values of each trial."""
    for axis in axes:
        if isinstance(axis, Choices) and is_masked(masked({axis.key: list(map(str, axis.values))})):
            raise ConfigError(
                f"{axis.key}: a secret cannot be searched; a sweep without hydra/sweeper=optuna takes several"
            )


def _checked(made: Search, groups: Sequence[str], resources: Resources) -> Search:
    corners = [[*made.fixed, *overrides] for overrides in made.space.corners(groups)]
    listed = all(isinstance(axis, Choices) for axis in made.space.axes)
    points = [point.prepared for point in check_points(corners, made.compose, resources, complete=listed)]
    objectives = objectives_of(made.settings, points[0])
    for point in points:
        if objectives_of(made.settings, point) != objectives:
            raise ConfigError(
                f"{SEARCH}.metric: trials would be judged by different metrics; name one that all have"
            )
    validations = max(map(validations_of, points))
    check_together(made.settings, made.space, objectives, validations)
    threads = threads_per_job([points[0]] * made.settings.trials, resources)
    return replace(made, objectives=objectives, validations=validations, threads=threads)


def validations_of(prepared: Prepared) -> int:
    """Return how often such a run validates; 0 if only the training function knows it."""
    if prepared.config.program is not None:
        return 0
    facts, settings = prepared.config.values["facts"], prepared.config.settings.trainer
    intervals = Intervals.of(settings, facts["steps_per_epoch"] * settings.accumulate, None, validates=True)
    steps = {step for every in intervals.validate for step in range(every, facts["steps"], every)}
    return len(steps) + 1  # and at the end


@contextmanager
def claim_folder(request: SweepRequest, wanted: Search) -> Iterator[tuple[SweepFolder, Search]]:
    """Yield the folder of the search, new or of the same earlier search; its lock is held during the block.

    Raise `AnotherSweep` if it holds something else, `FolderLocked` if the search is running.
    """
    keys = label([f"{axis.key}=" for axis in wanted.space.axes]).replace("=", "")
    named = request.named
    if named is not None:
        _with_first_settings(SweepFolder(named), wanted)
        refuse_links(RunFolder(named))
        make_folder(named)
    folder = SweepFolder(named) if named else claim_sweep(request.root, keys, datetime.now())
    with only_writer(RunFolder(folder.path)):
        search = _with_first_settings(folder, wanted)
        write_search(folder, search)
        if not folder.plan.is_file():
            write_plan(folder, Plan((), search.threads, search.command, search.sweep, search.launcher))
        yield folder, search


def _with_first_settings(folder: SweepFolder, wanted: Search) -> Search:
    """Return the search with the parts that are fixed by its first attempt."""
    if not folder.search.is_file():
        if RunFolder(folder.path).contents():
            raise AnotherSweep(f"{folder} holds something else than this search: give another sweep.name")
        return wanted
    old = read_search(folder)
    for change in between_configs(_identity(old), _identity(wanted)):
        raise AnotherSweep(
            f"{folder} holds another search, in which {change.key} is {change.then} and not {change.now}: "
            "give another sweep.name"
        )
    if not is_own_search(folder):
        raise AnotherSweep(f"{folder} holds someone else's search: give another sweep.name")
    return replace(wanted, threads=old.threads)


def _identity(search: Search) -> dict[str, Any]:
    """Return what identifies a search; its length and the way it is run may change."""
    plain = search.as_plain()
    essence = {
        SEARCH: {**plain["settings"], "trials": None},
        "the space": " ".join(map(str, search.space.axes)),
    }
    for base in plain["bases"].values():  # they differ in the groups that the space names
        essence |= {key: value for key, value in base.items() if key not in ("hydra", "sweep")}
    return essence
