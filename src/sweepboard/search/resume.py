"""Implement `sweepboard resume SEARCH`: run the interrupted trials and those still to come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, replace
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from sweepboard.compose.read_settings import read_settings
from sweepboard.errors import ConfigError
from sweepboard.execution import Resources
from sweepboard.names import flatten
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.lock import only_writer
from sweepboard.search.plan import executor_of
from sweepboard.search.samplers import check_packages
from sweepboard.search.search_file import Search, is_own_search, read_search, write_search
from sweepboard.secrets import MaskedSecret, is_masked
from sweepboard.settings import SEARCH, SearchSettings
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.job_status import JobView, SweepCallback, views_of
from sweepboard.sweeps.launch import remaining_jobs
from sweepboard.sweeps.plan_file import read_plan
from sweepboard.sweeps.resume import (
    ResumeRequest,
    check_jobs,
    is_of_jobs,
    refuse_unreadable,
    resumed_launcher,
    resumed_settings,
    with_secrets,
)
from sweepboard.sweeps.sweep_overrides import key_of
from sweepboard.trust.foreign_config import Trust

_TRIALS = f"{SEARCH}.trials"


def resume_search(folder: SweepFolder, wish: ResumeRequest, listener: SweepCallback) -> list[JobView]:
    """Continue a frozen search. A `UserError` is raised before any job starts."""
    refuse_unreadable(wish.overrides)
    if wish.failed:
        raise ConfigError(f"--failed: in a search a failed trial is one; more come with {_TRIALS}=N")
    with only_writer(RunFolder(folder.path)):
        search, own = read_search(folder), is_own_search(folder)
        check_packages(search.settings)
        from sweepboard.search.run import example_of, run_search  # imports Optuna

        settings = resumed_settings(search.sweep, own, wish.overrides, listener)
        launcher = resumed_launcher(search.launcher, own, wish.overrides, listener)
        executor = executor_of(launcher, settings)
        wanted = _with_secrets(_longer(search, wish.overrides), wish.overrides)
        _check_trials(folder, wish, own, executor.resources())
        if not own:
            wanted = replace(wanted, allowed=tuple(wish.allowed))
        like = example_of(wanted, executor)
        if own and wanted.settings != search.settings:
            write_search(folder, wanted)
        return run_search(folder, wanted, executor, like, settings, listener, accept=wish.accept_changes)


def _check_trials(folder: SweepFolder, wish: ResumeRequest, own: bool, resources: Resources) -> None:
    """Check the interrupted trials like the jobs of a sweep. Raise `BadPoint`."""
    plan = with_secrets(read_plan(folder), wish.overrides)
    left = remaining_jobs(plan, views_of(plan, folder))
    trust = Trust(own and plan.own, wish.allowed, folder.path)
    check_jobs(folder, left, trust, wish.accept_changes, resources)


def _longer(search: Search, overrides: Sequence[str]) -> Search:
    """Return the search with the number of trials that is asked for now."""
    secrets = set(_masked(search))
    rest = [override for override in overrides if is_of_jobs(override) and key_of(override) not in secrets]
    for each in OverridesParser.create().parse_overrides(rest):
        if each.key_or_group != _TRIALS:
            raise ConfigError(
                f"{each.key_or_group}: a search goes on as it began; type {_TRIALS}=N for more trials"
            )
        values = {**asdict(search.settings), "trials": each.value()}
        search = replace(search, settings=read_settings(SearchSettings, values, SEARCH))
    return search


def _masked(search: Search) -> Iterator[str]:
    for base in search.bases.values():
        yield from (key for key, value in flatten(base) if is_masked(value) and not key.startswith("hydra."))


def _with_secrets(search: Search, overrides: Sequence[str]) -> Search:
    """Return the search with its secrets, which are in no file and typed again. Raise `MaskedSecret`."""
    typed = {
        each.key_or_group: each.value() for each in OverridesParser.create().parse_overrides(list(overrides))
    }
    for key in _masked(search):
        if key not in typed:
            raise MaskedSecret(f"{key} was a secret and is not in the plan: give it again with {key}=...")
    return replace(search, bases={choice: _filled(base, typed) for choice, base in search.bases.items()})


def _filled(base: Mapping[str, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    filled = OmegaConf.create(deepcopy(dict(base)))
    for key, value in flatten(base):
        if is_masked(value) and key in typed:
            OmegaConf.update(filled, key, typed[key])
    plain: Any = OmegaConf.to_container(filled, resolve=False)
    return dict(plain)
