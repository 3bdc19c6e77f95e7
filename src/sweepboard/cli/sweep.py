"""`sweepboard -m`: a sweep, through Hydra's sweeper and launcher; and one that is taken up again."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from sweepboard.cli.command_line import Request, multirun_request, with_quoted_filter
from sweepboard.cli.run_options import config_dirs
from sweepboard.execution import prestarted_server
from sweepboard.files import read_json
from sweepboard.startup import tune_allocator
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.local_jobs import PRELOAD

if TYPE_CHECKING:
    from sweepboard.sweeps.hydra_task import SweepTask
    from sweepboard.sweeps.job_status import JobView
    from sweepboard.sweeps.sweep_result import SweepResult


def run_sweep(request: Request) -> int:
    """Run all jobs. Return 0 where every one has come to its end, else 1."""
    return int(not sweep_result(request).is_done)


def sweep_result(request: Request) -> SweepResult:
    """Run all jobs, and return what became of them."""
    with prestarted_server(PRELOAD) if _runs_here(request) else nullcontext():
        from sweepboard.cli.sweep_display import display

        task = new_task(request)
        task.listener = display()
        return multirun_request(request, task)


def _runs_here(request: Request) -> bool:
    """Whether the launcher is ours, as far as the command tells."""
    return request.overridden("hydra/launcher") in (None, "local")


def new_task(request: Request) -> SweepTask:
    """What our plug-ins are to know of the command."""
    tune_allocator()  # before torch allocates anything
    from sweepboard.sweeps.hydra_task import SweepTask

    return SweepTask(shlex.join(["sweepboard", *request.argv]), request.config_dirs)


def go_on_with_sweep(options: argparse.Namespace) -> int:
    """`sweepboard resume SWEEP`, its arguments as `options`."""
    tune_allocator()
    folder, accept = SweepFolder(Path(options.run)), options.accept_changes
    with prestarted_server(PRELOAD) if _ran_here(folder) else nullcontext():
        from sweepboard.cli.sweep_display import display
        from sweepboard.search.resume import resume_search
        from sweepboard.sweeps.resume import ResumeRequest, resume_sweep

        go_on = resume_search if folder.search.is_file() else resume_sweep
        words = list(map(with_quoted_filter, options.overrides))
        wish = ResumeRequest(words, accept, options.failed, options.allow, config_dirs(options))
        return exit_code(go_on(folder, wish, display()))


def _ran_here(folder: SweepFolder) -> bool:
    """Whether the launcher of the plan is ours, as far as a glance tells: a wrong answer costs only time."""
    try:
        return bool(read_json(folder.plan)["launcher"]["option"] == "local")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def exit_code(views: Sequence[JobView]) -> int:
    """0 where nothing is left to do."""
    from sweepboard.sweeps.job_status import DONE

    return int(any(view.state not in DONE for view in views))
