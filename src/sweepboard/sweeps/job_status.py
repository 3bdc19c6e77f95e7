"""The state of each job while a sweep runs, and the callbacks for its changes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from sweepboard.execution import Payload
from sweepboard.metric_names import BEST_TEST, LAST_TEST, MAX, MIN, mode_of, name_of, tag_of
from sweepboard.runs.record import RUNNING, RunRecord
from sweepboard.sweeps.engine_queue import at_engine
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.outcome import record_of
from sweepboard.sweeps.plan import Plan
from sweepboard.training.ending import FAILED, FINISHED, INTERRUPTED, PRUNED

WAITING = "waiting"
NOTHING: Mapping[str, str] = MappingProxyType({})
DONE = (FINISHED, PRUNED)
"""States of a job that is done."""


@dataclass
class JobView:
    """The state of a job as the sweep sees it."""

    label: str
    typed: dict[str, str] = field(default_factory=dict)
    """The overrides of the job by key; empty if they are not known yet."""

    state: str = WAITING
    """`waiting`, or a status of a run: `running`, `finished`, `failed`, `interrupted`, `pruned`."""

    reason: str | None = None
    """The reason why it is not finished, in one line."""

    traceback: str | None = None
    """The traceback of a bug."""

    step: int = 0
    total_steps: int = 0
    epoch: float = 0.0
    total_epochs: float = 0.0
    seconds: float = 0.0
    """Time spent in training."""

    seconds_left: float | None = None
    primary_metric: str | None = None
    """The metric that ranks the job."""

    mode: str | None = None
    """`min` or `max`: whether a smaller or a larger value of it is better."""

    metrics: dict[str, float] = field(default_factory=dict)
    """The metrics of the last validation."""

    test: dict[str, float] = field(default_factory=dict)
    """The metrics of the final test of the last weights."""

    best_test: dict[str, float] = field(default_factory=dict)
    """The metrics of the final test of the best weights."""

    best: dict[str, float] = field(default_factory=dict)
    """The best value of each validation metric."""

    altered: bool = False
    """Whether something but sweepboard has changed its record."""

    engine: str | None = None
    """How it stands at an engine that has it, where nobody waits for it."""

    gpu: str | None = None
    attempts: int = 0
    """The number of times it was started in this attempt."""

    since: float = 0.0

    def has_started(self, gpu: str | None) -> None:
        """Whether its process has started."""
        self.state, self.reason, self.traceback, self.gpu = RUNNING, None, None, gpu
        self.engine = None
        self.attempts, self.since = self.attempts + 1, time.monotonic()

    def was_requeued(self, reason: str) -> None:
        """Note that it waits again, which is no attempt of its own."""
        self.state, self.reason, self.attempts = WAITING, reason, self.attempts - 1

    def update(self, payload: Payload) -> bool:
        """Update the view from a message of the job. Return whether it was about a validation."""
        for name, value in (payload.get("news") or payload.get("validated") or {}).items():
            setattr(self, name, value)
        self.reason = payload.get("error", self.reason)
        self.traceback = payload.get("traceback", self.traceback)
        return "validated" in payload

    def read(self, record: RunRecord) -> None:
        """Update the view from the run's own record."""
        self.step, self.total_steps, self.epoch = record.step, record.total_steps, record.epoch
        self.seconds, self.primary_metric, self.best = (
            record.seconds,
            record.primary_metric,
            dict(record.best),
        )
        self.altered, self.mode = record.altered, record.modes.get(record.primary_metric or "")
        tests = (LAST_TEST, BEST_TEST)
        self.test, self.best_test = (_under(prefix, record.metrics) for prefix in tests)
        self.metrics = {
            name_of(tag): value for tag, value in record.metrics.items() if not tag.startswith(tests)
        }

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do for it here."""
        return self.state in DONE or self.engine is not None

    @property
    def standing(self) -> str:
        """The state, with that of the engine that has the job."""
        return f"{self.state} ({self.engine})" if self.engine else self.state

    @property
    def score(self) -> float | None:
        """The best value of the primary metric."""
        return self.best.get(self.primary_metric) if self.primary_metric else None


def _under(prefix: str, metrics: Mapping[str, float]) -> dict[str, float]:
    return {tag.removeprefix(prefix): value for tag, value in metrics.items() if tag.startswith(prefix)}


def views_of(plan: Plan, folder: SweepFolder) -> dict[str, JobView]:
    """Return a view of every job of the plan, from the records in its folder and the engine's queue."""
    begun = {path.name for path in folder.path.iterdir()} if folder.path.is_dir() else set()
    views = {
        job.label: view_of(job.label, folder, job.typed)
        if job.label in begun
        else JobView(job.label, dict(job.typed))
        for job in plan.jobs
    }
    for label, how in at_engine(folder).items():
        if label in views and views[label].state not in DONE:
            views[label].engine = how
    return views


def view_of(label: str, folder: SweepFolder, typed: Mapping[str, str] = NOTHING) -> JobView:
    """Return the view of a job. A run without a living process counts as interrupted."""
    view, record = JobView(label, dict(typed)), record_of(folder.job(label))
    if record is not None:
        view.state, view.reason = record.true_status, record.reason
        view.read(record)
    return view


class SweepCallback:
    """Callbacks during a sweep; every method does nothing unless overridden."""

    def on_planning(self, done: int, points: int) -> None:
        """Handle that so many of the points have been checked; no job has started."""

    def on_start(self, folder: SweepFolder, views: Sequence[JobView]) -> None:
        """Handle the start; the views of jobs that are already done say so."""

    def on_state(self, view: JobView) -> None:
        """Handle the start or end of a job."""

    def on_news(self, view: JobView) -> None:
        """Handle progress of a job."""

    def on_validation(self, view: JobView) -> None:
        """Handle a validation of a job."""

    def on_note(self, text: str) -> None:
        """Handle a line for the user."""

    def on_end(self, folder: SweepFolder, views: Sequence[JobView]) -> None:
        """Handle the end of the last job."""


_ORDER = {FINISHED: 0, PRUNED: 1, INTERRUPTED: 2, RUNNING: 2, FAILED: 3, WAITING: 4}


def place(view: JobView) -> int:
    """Return where jobs in its state are listed: finished ones first."""
    return _ORDER[view.state]


def best_first(views: Sequence[JobView]) -> list[JobView]:
    """Return finished jobs ordered by score, then the pruned ones, then the others in their order."""
    return sorted(views, key=lambda view: (place(view), badness(view)))


def badness(view: JobView) -> float:
    """Return a number that is smaller the better the job's score is; infinity without one."""
    if view.score is None or view.primary_metric is None or view.score != view.score:  # NaN last
        return float("inf")
    return {MIN: view.score, MAX: -view.score}.get(view.mode or mode_of(tag_of(view.primary_metric)), 0.0)
