"""`sweepboard -m`: a sweep, through Hydra's sweeper and launcher."""

from __future__ import annotations

import shlex

from sweepboard.cli.request import Request, multirun_request
from sweepboard.training.process import tune_allocator


def run_sweep(request: Request, plan_only: bool = False) -> int:
    """Run all jobs, or only show them. Returns 0 where every job has come to its end, else 1."""
    tune_allocator()
    from sweepboard.cli.sweep_display import display
    from sweepboard.sweeps.task import SweepTask
    from sweepboard.sweeps.views import DONE

    command = shlex.join(["sweepboard", *request.argv])
    task = SweepTask(command, request.config_dirs, display(), plan_only)
    multirun_request(request, task)
    return int(any(view.state not in DONE for view in task.views))
