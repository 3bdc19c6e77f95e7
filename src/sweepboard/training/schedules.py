"""Learning-rate schedules: when a torch scheduler steps, and warm-up with cosine decay."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from sweepboard.compat.torch import mark_as_stepped, parts_of_scheduler
from sweepboard.errors import ConfigError, RunFailed
from sweepboard.settings import SchedulerSettings, check_values


class WarmupCosine(LambdaLR):
    """A linear warm-up from nearly zero, then a cosine decay to the end of the run.

    `total_steps` is the length of the run in updates, `warmup_fraction` the share of them in the warm-up,
    `final_fraction` the final learning rate as a share of the largest. Cosine: Loshchilov and Hutter 2017
    (arXiv:1608.03983); warm-up: Goyal et al. 2017 (arXiv:1706.02677). Raise
    ConfigError for shares outside 0 to 1.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_steps: int,
        warmup_fraction: float = 0.05,
        final_fraction: float = 0.0,
    ) -> None:
        for name, share in (("warmup_fraction", warmup_fraction), ("final_fraction", final_fraction)):
            if not 0.0 <= share <= 1.0:
                raise ConfigError(f"scheduler.{name}={share:g} must be between 0 and 1")
        warmup = round(warmup_fraction * total_steps)

        def factor(step: int) -> float:
            if step < warmup:
                return (step + 1) / (warmup + 1)
            progress = min(1.0, (step - warmup) / max(1, total_steps - warmup))
            return final_fraction + (1.0 - final_fraction) * (1.0 + math.cos(math.pi * progress)) / 2.0

        super().__init__(optimizer, factor)


class Schedule:
    """A torch scheduler that steps after each update, epoch, or validation, as its settings say.

    `key` is where it stands in the configuration, for messages. Raise ConfigError for an unknown interval,
    and for a ReduceLROnPlateau that is not stepped by validations.
    """

    def __init__(self, scheduler: LRScheduler, settings: SchedulerSettings, key: str = "scheduler") -> None:
        check_values(settings, key)
        if isinstance(scheduler, ReduceLROnPlateau) and settings.interval != "validation":
            raise ConfigError(
                f"{key}: ReduceLROnPlateau follows a validation metric: use {key}.interval=validation"
            )
        self.scheduler, self.settings, self.key = scheduler, settings, key
        self._fresh = copy.deepcopy(scheduler.state_dict())
        # torch warns where a scheduler steps before the optimizer. Here that can only seem so: after a
        # resume, and with fp16, whose scaler skips the first updates.
        mark_as_stepped(scheduler.optimizer)

    def check_length(self, steps: int, steps_per_epoch: int) -> None:
        """Raise ConfigError if the scheduler cannot step to the end of a run of `steps` updates.

        The check moves the scheduler to its last step: it cannot be used afterwards.
        """
        calls = {"step": steps, "epoch": steps // steps_per_epoch}.get(self.settings.interval, 0)
        for scheduler, its_calls in parts_of_scheduler(self.scheduler, calls):
            if its_calls > 0 and isinstance(getattr(scheduler, "last_epoch", None), int):
                self._check_calls(scheduler, its_calls)

    def _check_calls(self, scheduler: LRScheduler, calls: int) -> None:
        scheduler.last_epoch = calls - 1
        try:
            scheduler.step()
        except ValueError as error:
            horizon = "facts.steps" if self.settings.interval == "step" else "facts.epochs"
            raise ConfigError(
                f"{self.key}: {type(scheduler).__name__} is shorter than the run, which steps it {calls} "
                f"times ({error}); use {self.key}.total_steps='${{{horizon}}}'"
            ) from error
        except ArithmeticError as error:  # StepLR with a step_size of 0
            if not type(scheduler).__module__.startswith("torch."):
                raise  # a bug of a class of the user's own
            raise ConfigError(
                f"{self.key}: {type(scheduler).__name__} cannot step: {type(error).__name__}: {error}; give "
                "its arguments other values"
            ) from error

    def step(self, metrics: Mapping[str, float]) -> None:
        """Step, with the metrics of a validation. Raise RunFailed past the last step that is allowed."""
        try:
            if isinstance(self.scheduler, ReduceLROnPlateau):
                self.scheduler.step(metrics[self.settings.metric])
            else:
                self.scheduler.step()
        except ValueError as error:
            name = type(self.scheduler).__name__
            raise RunFailed(f"{self.key}: {name} is shorter than the run: {error}") from error

    def state_dict(self) -> dict[str, Any]:
        """Return the state that changed since the scheduler was created.

        Its arguments are left out, so that an extended run uses the new length.
        """
        changed: dict[str, Any] = _changed(self.scheduler.state_dict(), self._fresh)
        return changed

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what `state_dict()` of a scheduler of the same class returned."""
        self.scheduler.load_state_dict(_merged(self.scheduler.state_dict(), state))


class Schedules:
    """The schedules of a run by name; none for constant learning rates."""

    def __init__(self, schedules: Mapping[str, Schedule] | None = None) -> None:
        self._schedules = dict(schedules or {})
        self._by_event: dict[str, list[Schedule]] = {}
        for schedule in self:
            self._by_event.setdefault(schedule.settings.interval, []).append(schedule)

    def __iter__(self) -> Iterator[Schedule]:
        return iter(self._schedules.values())

    def after(self, event: str, metrics: Mapping[str, float]) -> None:
        """Step the schedules that step at `event`: `step`, `epoch` or `validation`."""
        for schedule in self._by_event.get(event, ()):
            schedule.step(metrics)

    def check_length(self, steps: int, steps_per_epoch: int) -> None:
        """Raise ConfigError if one cannot step to the end of the run; none can be used afterwards."""
        for schedule in self:
            schedule.check_length(steps, steps_per_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of each schedule."""
        return {name: schedule.state_dict() for name, schedule in self._schedules.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what `state_dict()` returned."""
        for name, schedule in self._schedules.items():
            schedule.load_state_dict(state[name])


def _changed(state: Any, fresh: Any) -> Any:
    """Return the values of a mapping that differ from `fresh`, and likewise of the mappings in it."""
    if isinstance(state, Mapping) and isinstance(fresh, Mapping):
        differing = {key: value for key, value in state.items() if value != fresh.get(key)}
        return {key: _changed(value, fresh.get(key)) for key, value in differing.items()}
    if isinstance(state, list) and isinstance(fresh, list) and len(state) == len(fresh):
        return [_changed(one, other) for one, other in zip(state, fresh, strict=True)]
    return state


def _merged(state: Any, changes: Any) -> Any:
    """Return `state` with what `_changed` returned."""
    if isinstance(state, Mapping) and isinstance(changes, Mapping):
        return {**state, **{key: _merged(state.get(key), value) for key, value in changes.items()}}
    if isinstance(state, list) and isinstance(changes, list) and len(state) == len(changes):
        return [_merged(one, change) for one, change in zip(state, changes, strict=True)]
    return changes
