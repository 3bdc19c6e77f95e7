"""`sweepboard plan OVERRIDES...` or `sweepboard plan SWEEP`: the jobs of a sweep, without running them."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sweepboard.cli.chosen_run import chosen
from sweepboard.cli.command_line import multirun_request, parse
from sweepboard.cli.sweep import new_task
from sweepboard.cli.sweep_table import swept_columns
from sweepboard.cli.table import Column, print_columns
from sweepboard.cli.terminal import status_colour
from sweepboard.formatting import printable
from sweepboard.runs.alteration import CHANGED
from sweepboard.sweeps.folder import SweepFolder

if TYPE_CHECKING:
    from sweepboard.sweeps.job_status import JobView
    from sweepboard.sweeps.plan import Plan

log = logging.getLogger(__name__)

HELP = """usage: sweepboard plan [--json] OVERRIDES...
       sweepboard plan [--json] SWEEP

Show the jobs of a sweep: their labels, folders, and which are done. The overrides are those of
`sweepboard -m`; every job is composed and checked as if it were to run, but none is, and no folder
is made. SWEEP is the folder of a sweep that was started.

  sweepboard plan optimizer.lr=0.1,0.01 seed=1,2
  sweepboard plan outputs/sweeps/lr
"""


def main(arguments: list[str]) -> int:
    """Print the plan."""
    if "--help" in arguments or "-h" in arguments or not arguments:
        print(HELP, end="")
        return 0
    overrides = [each for each in arguments if each not in ("--json", "-m", "--multirun")]
    folder, plan, views = _frozen(overrides) or _of_request(overrides)
    if "--json" in arguments:
        print(json.dumps(_records(folder, plan, views), indent=2))
    else:
        _print(folder, plan, views)
    return 0


def _frozen(arguments: Sequence[str]) -> tuple[SweepFolder, Plan, Sequence[JobView]] | None:
    first = arguments[0] if arguments else ""
    folder = SweepFolder(Path(first if "=" in first else chosen(first, sweeps=True)))
    if not first or not folder.plan.is_file():
        return None
    from sweepboard.sweeps.job_status import views_of
    from sweepboard.sweeps.plan_file import read_plan

    plan = read_plan(folder)
    views = list(views_of(plan, folder).values())
    for view in views:
        if view.altered:
            log.warning("%s was %s", printable(folder.job(view.label).record), CHANGED)
    return folder, plan, views


def _of_request(overrides: Sequence[str]) -> tuple[SweepFolder | None, Plan, Sequence[JobView]]:
    request = parse([*overrides, "--multirun"])
    task = new_task(request)
    task.plan_only = True
    result = multirun_request(request, task)
    assert result.plan is not None  # a sweeper without a plan has raised
    return result.folder, result.plan, result.views


def _records(folder: SweepFolder | None, plan: Plan, views: Sequence[JobView]) -> list[dict[str, object]]:
    return [
        {
            "job": job.label,
            "state": view.state,
            "engine": view.engine,
            "device": job.config.device,
            "threads": job.threads,
            "folder": str(folder.job(job.label)) if folder is not None else None,
            "overrides": job.config.overrides,
        }
        for job, view in zip(plan.jobs, views, strict=True)
    ]


def _print(folder: SweepFolder | None, plan: Plan, views: Sequence[JobView]) -> None:
    place = str(folder) if folder is not None else "(a new folder)"
    points = [job.typed for job in plan.jobs]
    print_columns(
        [
            Column("job", [job.label for job in plan.jobs], worth=20 if len(points) > 1 else 90),
            *swept_columns(points, points),
            Column("state", [view.standing for view in views], worth=80, colour=status_colour),
            Column("threads", [str(job.threads) for job in plan.jobs], worth=30),
            Column("folder", [f"{place}/{job.label}" for job in plan.jobs], worth=10),
        ]
    )
    for point in plan.repeated:
        print(f"{printable(point)} was asked for more than once: it is one job")
    print(f"{len(points)} jobs")
