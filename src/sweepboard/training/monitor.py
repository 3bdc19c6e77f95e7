"""The watched metrics: they choose the best weights and stop training early."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

from sweepboard.errors import ConfigError, did_you_mean
from sweepboard.settings import TrainerSettings
from sweepboard.training.metric_objects import mode_of
from sweepboard.training.schedules import Schedules
from sweepboard.training.task import Mode, Task


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
    mode: Callable[[str], Mode]
    """The mode of a metric that is seen for the first time."""

    @classmethod
    def of(cls, settings: TrainerSettings, task: Task, metrics: Sequence[str] | None) -> Monitor:
        """Return the monitor of a run with these `metrics`, None if they are not known yet.

        Raise ConfigError for an unknown metric.
        """
        best, early = settings.checkpoint, settings.early_stopping
        chosen, waiting_for = best.metric or task.primary_metric, early.metric or task.primary_metric
        if metrics is not None:
            for key, metric in ((_BEST, chosen), (_EARLY, waiting_for)):
                _check_known(key, metric, metrics)
        modes = {name: mode_of(task, name) for name in [*(metrics or ()), chosen]}
        modes[chosen] = cast(Mode, best.mode or modes[chosen])
        watches = {name: BestValue(mode) for name, mode in modes.items()}
        waiting = BestValue(cast(Mode, early.mode or mode_of(task, waiting_for)), early.min_delta)
        return cls(watches, chosen, waiting, waiting_for, early.patience, partial(mode_of, task))

    def seen(self, metrics: Mapping[str, float], step: int) -> Monitor:
        """Return the monitor after one more validation, at `step`.

        Raise ConfigError if the validation lacks a watched metric.
        """
        for key, metric in ((_BEST, self.chosen), (_EARLY, self.waiting_for)):
            _check_known(key, metric, list(metrics))
        watches = {
            **self.watches,
            **{name: self._watch(name).seen(value, step) for name, value in metrics.items()},
        }
        return replace(self, watches=watches, waiting=self.waiting.seen(metrics[self.waiting_for], step))

    def _watch(self, metric: str) -> BestValue:
        return self.watches.get(metric) or BestValue(self.mode(metric))

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

    @property
    def best_step(self) -> int | None:
        """The step of the best checkpoint; None if there is none yet."""
        return self.watches[self.chosen].at

    def state_dict(self) -> dict[str, Any]:
        """Return the values seen so far; modes and patience come from the settings."""
        watches = {name: _seen_by(watch) for name, watch in self.watches.items()}
        return {"watches": watches, "waiting": _seen_by(self.waiting)}

    def continued(self, state: Mapping[str, Any]) -> Monitor:
        """Return this monitor with the values in `state`, which `state_dict()` returned."""
        names = dict.fromkeys((*self.watches, *state["watches"]))
        watches = {name: _continued(self._watch(name), state["watches"].get(name)) for name in names}
        return replace(self, watches=watches, waiting=_continued(self.waiting, state["waiting"]))


def check_watched(
    settings: TrainerSettings,
    schedules: Schedules,
    task: Task,
    metrics: Sequence[str] | None,
    validates: bool,
) -> None:
    """Raise ConfigError if a setting names a metric that the run does not measure.

    `metrics` are those of `tasks.metric_names`; `validates` says whether there is a validation set.
    """
    Monitor.of(settings, task, metrics)
    followers = [each for each in schedules if each.settings.interval == "validation"]
    if metrics is not None:
        for each in followers:
            _check_known(f"{each.key}.metric", each.settings.metric, metrics)
    if validates:
        return
    if settings.early_stopping.patience is not None:
        raise ConfigError(f"trainer.early_stopping.patience {_NO_VALIDATION}")
    for each in followers:
        raise ConfigError(f"{each.key}.interval=validation {_NO_VALIDATION}")


_NO_VALIDATION = "needs a validation set: use dataset.val_fraction=0.1 or dataset.validate_on=test"


_BEST, _EARLY = "trainer.checkpoint.metric", "trainer.early_stopping.metric"


def _check_known(key: str, metric: str, metrics: Sequence[str]) -> None:
    if metric not in metrics:
        raise ConfigError(f"{key}={metric} is not a metric of this task{did_you_mean(metric, metrics)}")


def _seen_by(watch: BestValue) -> tuple[float | None, int, int | None]:
    return watch.best, watch.stale, watch.at


def _continued(watch: BestValue, state: tuple[float | None, int, int | None] | None) -> BestValue:
    if state is None:
        return watch
    best, stale, at = state
    return replace(watch, best=best, stale=stale, at=at)
