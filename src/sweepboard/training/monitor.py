"""The watched metrics: they choose the best weights and stop training early."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from sweepboard.errors import ConfigError, did_you_mean
from sweepboard.settings import SchedulerSettings, TrainerSettings
from sweepboard.training.tasks import Mode, Task


@dataclass(frozen=True)
class BestValue:
    """The best value of one metric, the step `at` which it was reached, and how many values came since."""

    mode: Mode
    min_delta: float = 0.0
    """How much better a value must be to count."""

    best: float | None = None
    stale: int = 0
    at: int | None = None

    def seen(self, value: float, step: int) -> BestValue:
        """Return the best value after one more value, at `step`. NaN and infinities are never better."""
        if math.isfinite(value) and (self.best is None or self._gain(value, self.best) > self.min_delta):
            return replace(self, best=value, stale=0, at=step)
        return replace(self, stale=self.stale + 1)

    def _gain(self, value: float, best: float) -> float:
        return best - value if self.mode == "min" else value - best


@dataclass(frozen=True)
class Monitor:
    """The best value of each validation metric, and of the metric for early stopping."""

    watches: Mapping[str, BestValue]
    chosen: str
    """The metric by which the best checkpoint is chosen."""

    waiting: BestValue
    waiting_for: str
    patience: int | None

    @classmethod
    def of(cls, settings: TrainerSettings, task: Task, metrics: Sequence[str]) -> Monitor:
        """Return the monitor of a run with these `metrics`. Raise ConfigError for an unknown metric."""
        best, early = settings.checkpoint, settings.early_stopping
        chosen, waiting_for = best.metric or task.primary_metric, early.metric or task.primary_metric
        modes = {name: task.mode(name) for name in metrics}
        chosen_mode = _mode("trainer.checkpoint", chosen, best.mode, modes)
        waiting_mode = _mode("trainer.early_stopping", waiting_for, early.mode, modes)
        watches = {name: BestValue(mode) for name, mode in {**modes, chosen: chosen_mode}.items()}
        return cls(watches, chosen, BestValue(waiting_mode, early.min_delta), waiting_for, early.patience)

    def seen(self, metrics: Mapping[str, float], step: int) -> Monitor:
        """Return the monitor after one more validation, at `step`."""
        watches = {name: watch.seen(metrics[name], step) for name, watch in self.watches.items()}
        return replace(self, watches=watches, waiting=self.waiting.seen(metrics[self.waiting_for], step))

    @property
    def improved(self) -> bool:
        """Whether the last validation was the best by the chosen metric."""
        return self.watches[self.chosen].stale == 0

    @property
    def should_stop(self) -> bool:
        """Whether the metric for early stopping has not improved for `patience` validations."""
        return self.patience is not None and self.waiting.stale >= self.patience

    @property
    def best(self) -> dict[str, float]:
        """The best value of each metric that has had a finite one."""
        return {name: watch.best for name, watch in self.watches.items() if watch.best is not None}

    @property
    def best_steps(self) -> dict[str, int]:
        """The step of each value of `best`."""
        return {name: watch.at for name, watch in self.watches.items() if watch.at is not None}

    def state_dict(self) -> dict[str, Any]:
        """Return the values seen so far; modes and patience come from the settings."""
        watches = {name: _seen_by(watch) for name, watch in self.watches.items()}
        return {"watches": watches, "waiting": _seen_by(self.waiting)}

    def continued(self, state: Mapping[str, Any]) -> Monitor:
        """Return this monitor with the values in `state`, which `state_dict()` returned."""
        watches = {
            name: _continued(watch, state["watches"].get(name)) for name, watch in self.watches.items()
        }
        return replace(self, watches=watches, waiting=_continued(self.waiting, state["waiting"]))


def check_watched(
    settings: TrainerSettings,
    scheduler: SchedulerSettings,
    task: Task,
    metrics: Sequence[str],
    validates: bool,
) -> None:
    """Raise ConfigError if a setting names a metric that the run does not measure.

    `metrics` are those of `tasks.metric_names`; `validates` says whether there is a validation set.
    """
    Monitor.of(settings, task, metrics)
    if scheduler.metric not in metrics:
        raise ConfigError(_unknown("scheduler.metric", scheduler.metric, metrics))
    if validates:
        return
    if settings.early_stopping.patience is not None:
        raise ConfigError(f"trainer.early_stopping.patience {_NO_VALIDATION}")
    if scheduler.interval == "validation":
        raise ConfigError(f"scheduler.interval=validation {_NO_VALIDATION}")


_NO_VALIDATION = "needs a validation set: use dataset.val_fraction=0.1 or dataset.validate_on=test"


def _mode(key: str, metric: str, mode: str | None, modes: Mapping[str, Mode]) -> Mode:
    if metric not in modes:
        raise ConfigError(_unknown(f"{key}.metric", metric, modes))
    return modes[metric] if mode is None else cast(Mode, mode)


def _unknown(key: str, metric: str, metrics: Sequence[str] | Mapping[str, Mode]) -> str:
    return f"{key}={metric} is not a metric of this task{did_you_mean(metric, metrics)}"


def _seen_by(watch: BestValue) -> tuple[float | None, int, int | None]:
    return watch.best, watch.stale, watch.at


def _continued(watch: BestValue, state: tuple[float | None, int, int | None] | None) -> BestValue:
    if state is None:
        return watch
    best, stale, at = state
    return replace(watch, best=best, stale=stale, at=at)
