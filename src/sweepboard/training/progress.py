"""The state of a run as callbacks read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from sweepboard.data.types import ENDLESS, Data
from sweepboard.metric_names import BEST_TEST, LAST_TEST, tagged, validation_name
from sweepboard.settings import TrainerSettings
from sweepboard.training.intervals import Intervals
from sweepboard.training.learner import Learner
from sweepboard.training.metric_objects import mode_of
from sweepboard.training.run_log import RunLog


@dataclass
class Measured:
    """The measurements of the loop so far. Only the loop writes it; callbacks read it in `Progress`."""

    train_metrics: dict[str, float] = field(default_factory=dict)
    val_metrics: dict[str, float] = field(default_factory=dict)
    test_metrics: dict[str, float] = field(default_factory=dict)
    best_test_metrics: dict[str, float] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    best_steps: dict[str, int] = field(default_factory=dict)
    best_step: int | None = None
    samples_per_second: float = 0.0
    seconds: float = 0.0
    log_from: int = 0
    stopped_early: bool = False
    stop_reason: str | None = None
    ended: bool = False


@dataclass(frozen=True)
class Progress:
    """A read-only view of a run, always up to date."""

    learner: Learner
    data: Data
    settings: TrainerSettings
    intervals: Intervals
    _measured: Measured
    log: RunLog
    """Logs scalars, pictures and more to every logger of the run."""

    folder: Path | None = None
    """The folder of the run; None if it has none."""

    def stop(self, reason: str) -> None:
        """End the run after the present event, with a last validation and the test; `reason` is recorded."""
        self._measured.stop_reason = self._measured.stop_reason or f"{self.log.caller}: {reason}"

    @property
    def train_metrics(self) -> Mapping[str, float]:
        """Loss and metrics over the updates before the last logging point."""
        return MappingProxyType(self._measured.train_metrics)

    @property
    def val_metrics(self) -> Mapping[str, float]:
        """Loss and metrics of the last validation."""
        return MappingProxyType(self._measured.val_metrics)

    @property
    def test_metrics(self) -> Mapping[str, float]:
        """Loss and metrics of the final test of the last weights."""
        return MappingProxyType(self._measured.test_metrics)

    @property
    def best_test_metrics(self) -> Mapping[str, float]:
        """Loss and metrics of the final test of the best weights; empty without validation."""
        return MappingProxyType(self._measured.best_test_metrics)

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each validation and test metric, by tag."""
        return {
            **tagged("val/", self.val_metrics),
            **tagged(LAST_TEST, self.test_metrics),
            **tagged(BEST_TEST, self.best_test_metrics),
        }

    @property
    def best(self) -> Mapping[str, float]:
        """The best value of each validation metric, by its name in the record: `loss`, `val/kl/latent`."""
        return {validation_name(name): value for name, value in self._measured.best.items()}

    @property
    def best_steps(self) -> Mapping[str, int]:
        """The step of each best value."""
        return {validation_name(name): step for name, step in self._measured.best_steps.items()}

    @property
    def best_step(self) -> int | None:
        """The step of the best weights; None if there are none yet."""
        return self._measured.best_step

    @property
    def improved_before_end(self) -> bool:
        """Whether the best weights are not the present ones."""
        return self.best_step not in (None, self.step)

    @property
    def primary_metric(self) -> str:
        """The metric by which runs are compared."""
        return validation_name(self.learner.task.primary_metric)

    @property
    def modes(self) -> Mapping[str, str]:
        """Whether a smaller (`min`) or larger (`max`) value of each metric in `best` is better."""
        modes = {name: mode_of(self.learner.task, name) for name in self._measured.best}
        return {validation_name(name): mode for name, mode in modes.items()}

    @property
    def fingerprint(self) -> str:
        """Digest of the samples and the split."""
        return self.data.fingerprint

    @property
    def content(self) -> str:
        """Digest of the samples alone; empty if the data set has none."""
        return self.data.content

    def weights_sha256(self) -> str:
        """Return the digest of the weights."""
        return self.learner.weights_sha256()

    @property
    def samples_per_second(self) -> float:
        """Training speed over the updates before the last logging point."""
        return self._measured.samples_per_second

    @property
    def seconds(self) -> float:
        """Time since the run began, over all attempts, at the last check of the clock."""
        return self._measured.seconds

    @property
    def log_from(self) -> int:
        """The first step that this attempt logs; scalars of earlier attempts from there on are replaced."""
        return self._measured.log_from

    @property
    def stopped_early(self) -> bool:
        """Whether the validation metric has not improved for `early_stopping.patience` validations."""
        return self._measured.stopped_early

    @property
    def stop_reason(self) -> str | None:
        """Which callback stopped the run before its planned length, and why; None if none did."""
        return self._measured.stop_reason if self.step < self.total_steps else None

    @property
    def callback_tags(self) -> Mapping[str, str]:
        """The tags that callbacks log, each with the name of the callback."""
        return self.log.owners

    @property
    def step(self) -> int:
        """Optimizer updates made."""
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
        """Epochs completed: the number, from 0, of the epoch in progress."""
        return self.step // self.steps_per_epoch

    @property
    def batch(self) -> int:
        """Batches used in the epoch in progress."""
        return self.step % self.steps_per_epoch * self.settings.accumulate

    @property
    def has_epochs(self) -> bool:
        """Whether an epoch has a length; that of an endless stream is as long as the run is made."""
        return self.settings.limit_train_batches is not None or len(self.data.train) < ENDLESS

    @property
    def epochs_done(self) -> float:
        """Epochs completed, with the fraction of the one in progress."""
        return self.step / self.steps_per_epoch

    @property
    def total_epochs(self) -> float:
        """Epochs of the whole run, with a fraction."""
        return self.total_steps / self.steps_per_epoch

    @property
    def finished(self) -> bool:
        """Whether the last update has been made."""
        return self.stopped_early or self.stop_reason is not None or self.step >= self.total_steps

    @property
    def seconds_left(self) -> float:
        """Time to the end at the speed so far; infinite before the first update."""
        return self.seconds / self.step * (self.total_steps - self.step) if self.step else float("inf")
