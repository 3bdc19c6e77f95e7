"""The result of a sweep: its plan and how every job ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.job_status import JobView, view_of, views_of
from sweepboard.sweeps.plan import Plan
from sweepboard.sweeps.plan_file import read_plan


@dataclass(frozen=True)
class SweepResult:
    """The jobs of a sweep that has ended, or of one that was only planned."""

    views: Sequence[JobView]
    plan: Plan | None = None
    """None if both the sweeper and the launcher are third-party, which make no plan."""

    folder: SweepFolder | None = None
    """None for a plan without a folder."""

    @property
    def is_done(self) -> bool:
        """Whether every job has finished, or is with an engine that goes on alone."""
        return all(view.is_settled for view in self.views)


def result_in(folder: SweepFolder) -> SweepResult:
    """Return the result of the sweep in a folder, read from the records of its runs."""
    if folder.plan.is_file():
        plan = read_plan(folder)
        return SweepResult(list(views_of(plan, folder).values()), plan, folder)
    labels = sorted(path.parent.name for path in folder.path.glob("*/run.json"))
    return SweepResult([view_of(label, folder) for label in labels], None, folder)
