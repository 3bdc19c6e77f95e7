"""The jobs of a sweep as a table: a column for each swept key; seeds and folds of one setting are one row."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeAlias

from sweepboard.analysis.averaged import FOLD
from sweepboard.analysis.column_texts import column_texts
from sweepboard.analysis.differing_hparams import short_names
from sweepboard.analysis.metrics import spread
from sweepboard.analysis.table import common_name
from sweepboard.cli.table import Column
from sweepboard.cli.terminal import status_colour
from sweepboard.formatting import duration, number
from sweepboard.metric_names import tag_of, without_split
from sweepboard.runs.record import RUNNING
from sweepboard.sweeps.job_status import JobView, badness, best_first, place
from sweepboard.sweeps.labels import varying_keys

SEED = "seed"
Point: TypeAlias = Mapping[str, str]
"""The overrides of a job by key."""


@dataclass(frozen=True)
class JobGroup:
    """The jobs of one setting: repeats with several seeds or folds, or a single job."""

    views: Sequence[JobView]

    @property
    def scores(self) -> list[float]:
        """The best values of the primary metric, without those that are not a number."""
        return [view.score for view in self.views if view.score is not None and view.score == view.score]

    @property
    def best(self) -> JobView:
        """Its best job."""
        return best_first(self.views)[0]

    @property
    def label(self) -> str:
        """The label of its job, or the common part of several: `lr=0.1,seed=*`."""
        return common_name([view.label for view in self.views])

    @property
    def point(self) -> Point:
        """The overrides that its jobs share."""
        several = len(self.views) > 1
        return {key: text for key, text in self.best.typed.items() if not several or not is_repeat(key)}

    @property
    def repeats(self) -> str:
        """What its jobs differ in: `seeds`, `folds`, or `runs` if in both."""
        differing = varying_keys([view.typed for view in self.views])
        return "seeds" if differing == {SEED} else "runs" if SEED in differing else "folds"

    @property
    def state(self) -> str:
        """The state of a single job, or a count of each: `2 finished, 1 failed`."""
        return self.views[0].state if len(self.views) == 1 else counts(self.views)

    @property
    def reason(self) -> str:
        """The reason of its first job that has one."""
        return next((view.reason for view in self.views if view.reason), "")


def groups_of(views: Sequence[JobView]) -> list[JobGroup]:
    """Return the groups of jobs that differ only in their seed or fold, the best mean first."""
    groups: dict[tuple[str, ...], list[JobView]] = {}
    for view in best_first(views):
        shared = sorted(text for key, text in view.typed.items() if not is_repeat(key))
        repeated = any(map(is_repeat, view.typed))
        groups.setdefault(tuple(shared) if repeated else (view.label,), []).append(view)
    # The sort is stable: groups without a mean stay as `best_first` has their jobs.
    return sorted(map(JobGroup, groups.values()), key=_place)


def is_repeat(key: str) -> bool:
    """Return whether jobs that differ in this key alone repeat each other."""
    return key == SEED or key.rpartition(".")[2] == FOLD


def _place(group: JobGroup) -> tuple[int, float]:
    known = [badness(view) for view in group.views if view.score is not None and view.score == view.score]
    return place(group.best), fmean(known) if known else math.inf


def result_columns(groups: Sequence[JobGroup]) -> list[Column]:
    """Return the columns of the final table that have something in them."""
    views, points = [group.best for group in groups], [group.point for group in groups]
    primary = next((tag_of(view.primary_metric) for view in views if view.primary_metric), "metric")
    labels = Column("job", [group.label for group in groups], worth=90)
    columns = [
        *(swept_columns(points, points) or [labels]),
        Column("state", [group.state for group in groups], worth=80, colour=status_colour),
        Column(f"best {primary}", spread_texts(group.scores for group in groups), worth=95),
        Column(*_tests(groups), worth=60),
        Column("time", [duration(sum(view.seconds for view in group.views)) for group in groups], worth=40),
        Column("reason", [group.reason for group in groups], worth=70, wraps=True),
    ]
    return [column for column in columns if any(column.cells)]  # no test set, nothing that failed


def live_columns(views: Sequence[JobView], all_views: Sequence[JobView]) -> list[Column]:
    """Return the columns of the table of a running sweep: of the jobs that are shown."""
    primary = next((tag_of(view.primary_metric) for view in all_views if view.primary_metric), "metric")
    swept = swept_columns([view.typed for view in views], [view.typed for view in all_views])

    def cells(text: Callable[[JobView], str]) -> list[str]:
        return [text(view) for view in views]

    return [
        *(swept or [Column("job", cells(lambda view: view.label), worth=90)]),
        Column("state", cells(state), worth=80, colour=status_colour),
        Column("epoch", cells(epoch), worth=60),
        Column(primary, cells(lambda view: "" if view.score is None else number(view.score)), worth=95),
        Column("time", cells(_time), worth=40),
        Column("left", cells(_left), worth=50),
    ]


def swept_columns(points: Sequence[Point], every: Sequence[Point]) -> list[Column]:
    """Return a column with a short header for each key in which `every` point differs."""
    varying = varying_keys(every) if len(every) > 1 else set()
    keys = [key for key in dict.fromkeys(key for point in every for key in point) if key in varying]
    return [
        Column(name, [point.get(key, "").partition("=")[2] for point in points], worth=90)
        for key, name in short_names(keys).items()
    ]


def _tests(groups: Sequence[JobGroup]) -> tuple[str, list[str]]:
    """Return the header and the cells of the test: of the best weights, whose validation stands beside it."""
    best = any(view.best_test for group in groups for view in group.views)
    cells = spread_texts(_test_values(group, best) for group in groups)
    return ("test (best)" if best else "test"), cells


def _test_values(group: JobGroup, best: bool) -> list[float]:
    tests = (
        (without_split(view.primary_metric or ""), view.best_test if best else view.test)
        for view in group.views
    )
    return [test[metric] for metric, test in tests if metric in test]


def spread_texts(values: Iterable[Sequence[float]]) -> list[str]:
    """Return the mean of each group of values ± their standard deviation, as a column."""
    return column_texts([spread(each) for each in values])


def counts(views: Sequence[JobView]) -> str:
    """Return `2 running, 5 waiting, 1 finished`."""
    return ", ".join(f"{count} {state}" for state, count in Counter(view.state for view in views).items())


def state(view: JobView) -> str:
    """Return the state, with the GPU that the job runs on."""
    return f"{view.state} on GPU {view.gpu}" if view.gpu is not None else view.state


def epoch(view: JobView) -> str:
    """Return `2.5/5`: epochs done, of all; of a training function, which knows only steps, its last step."""
    return f"{view.epoch:.3g}/{view.total_epochs:g}" if view.total_epochs else ""


def metric(view: JobView) -> str:
    """Return the best value of the primary metric: `val/accuracy 0.91`."""
    if view.primary_metric is None or view.score is None:
        return ""
    return f"{tag_of(view.primary_metric)} {number(view.score)}"


def _time(view: JobView) -> str:
    if view.state == RUNNING:
        return duration(time.monotonic() - view.since)
    return duration(view.seconds) if view.seconds else ""


def _left(view: JobView) -> str:
    runs = view.state == RUNNING and view.seconds_left is not None
    return duration(view.seconds_left or 0.0) if runs else ""
