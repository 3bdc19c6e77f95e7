"""Tasks: the loss and the metrics of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweepboard.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from sweepboard.training.task import Step as Step
    from sweepboard.training.task import Task as Task
    from sweepboard.training.tasks import Classification as Classification
    from sweepboard.training.tasks import MultiLabel as MultiLabel
    from sweepboard.training.tasks import Regression as Regression
    from sweepboard.training.tasks import Supervised as Supervised

__all__, __getattr__ = lazy_exports(
    __name__,
    {
        "Classification": "sweepboard.training.tasks",
        "MultiLabel": "sweepboard.training.tasks",
        "Regression": "sweepboard.training.tasks",
        "Step": "sweepboard.training.task",
        "Supervised": "sweepboard.training.tasks",
        "Task": "sweepboard.training.task",
    },
)
