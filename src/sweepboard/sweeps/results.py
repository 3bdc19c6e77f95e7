"""Write the results of a sweep into its folder: a table for programs and a picture for people."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sweepboard.errors import UserError, reason
from sweepboard.files import write_atomic, write_json
from sweepboard.metric_names import BEST_TEST, LAST_TEST, column_of, tag_of, tagged
from sweepboard.spreadsheet import as_csv
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.job_status import JobView, best_first
from sweepboard.sweeps.other_values import warn_of_other_values
from sweepboard.sweeps.plan import Plan
from sweepboard.training.ending import FINISHED

log = logging.getLogger(__name__)


def write_results(folder: SweepFolder, plan: Plan, views: Sequence[JobView]) -> None:
    """Write results.csv and results.json, the best job first, and results.png where there is a metric."""
    warn_of_other_values(folder, plan, {view.label for view in views if view.state == FINISHED})
    rows = result_rows(plan, views)
    with warn_if_unwritable(folder):
        write_json(folder.results_json, rows)
        write_atomic(folder.results_csv, as_csv(rows))
        draw(folder)


@contextmanager
def warn_if_unwritable(folder: SweepFolder) -> Iterator[None]:
    """Log a warning with the way out if results cannot be written: the runs themselves are complete."""
    try:
        yield
    except OSError as error:
        log.warning(
            "results cannot be written in %s: %s; once that is mended, type `sweepboard resume %s`",
            *(folder, reason(error), folder),
        )


def result_rows(plan: Plan, views: Sequence[JobView]) -> list[dict[str, Any]]:
    """Return a row per job: its swept values, its state and its metrics (best and last)."""
    typed = {job.label: job.typed for job in plan.jobs}
    return [
        {
            "job": view.label,
            "state": view.state,
            **{key: typed[view.label].get(key, "").partition("=")[2] for key in plan.swept},
            **{column_of(name): value for name, value in view.best.items()},
            **{tag_of(name): value for name, value in view.metrics.items()},
            **tagged(LAST_TEST, view.test),
            **tagged(BEST_TEST, view.best_test),
            "epoch": view.epoch,
            "step": view.step,
            "seconds": round(view.seconds, 3),
            "reason": view.reason,
        }
        for view in best_first(views)
    ]


def draw(folder: SweepFolder) -> None:
    """Draw the curves of all jobs, and the primary metric against the swept keys, in one picture."""
    from sweepboard.analysis.compare import compare
    from sweepboard.analysis.load import read_runs
    from sweepboard.analysis.plots import plot

    folder.picture.unlink(missing_ok=True)
    try:
        plot(compare(read_runs([folder.path])), folder.picture)
    except UserError:
        pass  # there are no metrics to draw
    except Exception as error:  # a failed picture must not lose the table
        log.warning("%s could not be drawn: %s", folder.picture, error or type(error).__name__)
