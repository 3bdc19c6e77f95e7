"""`sweepboard -m`: run a sweep through Hydra's sweeper and launcher, or resume one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from sweepboard.cli.command_line import Request, multirun_request, with_quoted_filter
from sweepboard.cli.run_options import config_dirs
from sweepboard.cli.short_keys import with_whole_keys_of_sweep
from sweepboard.errors import ConfigError
from sweepboard.files import read_json
from sweepboard.rank_environment import started_rank
from sweepboard.startup import tune_allocator
from sweepboard.sweeps.folder import SweepFolder

if TYPE_CHECKING:
    from sweepboard.sweeps.hydra_task import SweepTask
    from sweepboard.sweeps.job_status import JobView
    from sweepboard.sweeps.sweep_result import SweepResult


def run_sweep(request: Request) -> int:
    """Run all jobs. Return 0 if every one has finished, else 1."""
    return int(not sweep_result(request).is_done)


def sweep_result(request: Request) -> SweepResult:
    """Run all jobs, and return their results. Raise `ConfigError` in one of several ranks."""
    if (place := started_rank()) is not None:
        raise ConfigError(f"-m: a sweep starts its processes itself: type it without {place.starter}")
    with _server() if _runs_here(request) else nullcontext():
        from sweepboard.cli.sweep_display import display

        task = new_task(request)
        task.listener = display()
        return multirun_request(request, task)


def _server() -> AbstractContextManager[None]:
    """Start the server of local jobs, which imports torch while this process does."""
    from sweepboard.execution import prestarted_server
    from sweepboard.sweeps.local_jobs import PRELOAD

    return prestarted_server(PRELOAD)


def _runs_here(request: Request) -> bool:
    """Return whether the launcher is ours, judged by the command alone."""
    return request.overridden("hydra/launcher") in (None, "local")


def new_task(request: Request) -> SweepTask:
    """Return the task with what our plug-ins need of the command."""
    tune_allocator()  # before torch allocates anything
    from sweepboard.sweeps.hydra_task import SweepTask

    return SweepTask(request.command, request.config_dirs)


def go_on_with_sweep(options: argparse.Namespace) -> int:
    """Run `sweepboard resume SWEEP` with the parsed `options`."""
    tune_allocator()
    folder, accept = SweepFolder(Path(options.run)), options.accept_changes
    with _server() if _ran_here(folder) else nullcontext():
        from sweepboard.cli.sweep_display import display
        from sweepboard.search.resume import resume_search
        from sweepboard.sweeps.resume import ResumeRequest, resume_sweep

        go_on = resume_search if folder.search.is_file() else resume_sweep
        typed = with_whole_keys_of_sweep(folder, options.overrides)
        overrides = list(map(with_quoted_filter, typed))
        request = ResumeRequest(overrides, accept, options.failed, options.allow, config_dirs(options))
        return exit_code(go_on(folder, request, display()))


def _ran_here(folder: SweepFolder) -> bool:
    """Return whether the plan names our launcher; a wrong answer costs only time."""
    try:
        return bool(read_json(folder.plan)["launcher"]["option"] == "local")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def exit_code(views: Sequence[JobView]) -> int:
    """Return 0 if no job is left to run."""
    return int(not all(view.is_settled for view in views))
