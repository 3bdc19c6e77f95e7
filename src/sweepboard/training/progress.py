"""Where a run stands: what callbacks may read."""

from __future__ import annotations

from dataclasses import dataclass, field

from sweepboard.data.types import Data
from sweepboard.settings import TrainerSettings
from sweepboard.training.intervals import Intervals
from sweepboard.training.learner import Learner


@dataclass
class Progress:
    """A run as seen from outside, always up to date. Nobody but the loop changes it."""

    learner: Learner
    data: Data
    settings: TrainerSettings
    intervals: Intervals

    train_metrics: dict[str, float] = field(default_factory=dict)
    """Loss and metrics over the updates before the last logging point."""

    val_metrics: dict[str, float] = field(default_factory=dict)
    """Of the last validation."""

    test_metrics: dict[str, float] = field(default_factory=dict)
    """Of the final test, with the final weights."""

    best: dict[str, float] = field(default_factory=dict)
    """The best value of each validation metric."""

    best_steps: dict[str, int] = field(default_factory=dict)
    """The step of each of them."""

    samples_per_second: float = 0.0
    """Training speed over the updates before the last logging point."""

    seconds: float = 0.0
    """Time since the run began, over all attempts."""

    log_from: int = 0
    """The first step that this attempt logs: what a killed one logged from there on is logged again."""

    logged: dict[str, int] = field(default_factory=dict)
    """Where the event files ended at the last checkpoint, kept for the board (`EventWriter.position`)."""

    stopped_early: bool = False
    """Whether the validation metric has not improved for long enough."""

    @property
    def step(self) -> int:
        """Updates made."""
        return self.learner.step

    @property
    def total_steps(self) -> int:
        """Updates of the whole run."""
        return self.intervals.total_steps

    @property
    def steps_per_epoch(self) -> int:
        return self.intervals.steps_per_epoch

    @property
    def epoch(self) -> int:
        """Epochs completed, which is the number (from 0) of the one in progress."""
        return self.step // self.steps_per_epoch

    @property
    def batch(self) -> int:
        """Batches used in the epoch in progress: only the last update of an epoch takes fewer than others."""
        return self.step % self.steps_per_epoch * self.settings.accumulate

    @property
    def epochs_done(self) -> float:
        """Epochs, the part of the one in progress counted."""
        return self.step / self.steps_per_epoch

    @property
    def total_epochs(self) -> float:
        """Epochs of the whole run, likewise."""
        return self.total_steps / self.steps_per_epoch

    @property
    def finished(self) -> bool:
        """Whether no update is to come."""
        return self.stopped_early or self.step >= self.total_steps

    @property
    def seconds_left(self) -> float:
        """At the speed so far; infinite before the first update."""
        return self.seconds / self.step * (self.total_steps - self.step) if self.step else float("inf")
