"""Learning-rate schedules: when a torch scheduler steps, and warm-up with cosine decay."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any, cast

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from sweepboard.compat.torch import mark_as_stepped
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

    Without a `scheduler` the learning rate is constant. Raise ConfigError for an unknown interval, and for a
    ReduceLROnPlateau that is not stepped by validations.
    """

    def __init__(self, scheduler: LRScheduler | None, settings: SchedulerSettings) -> None:
        check_values(settings, "scheduler")
        if isinstance(scheduler, ReduceLROnPlateau) and settings.interval != "validation":
            raise ConfigError(
                "ReduceLROnPlateau follows a validation metric: use scheduler.interval=validation"
            )
        self.scheduler, self.settings = scheduler, settings
        self._fresh: dict[str, Any] = {}
        if scheduler is not None:
            self._fresh = copy.deepcopy(scheduler.state_dict())
            # torch warns where a scheduler steps before the optimizer. Here that can only seem so: after a
            # resume, and with fp16, whose scaler skips the first updates.
            mark_as_stepped(scheduler.optimizer)

    def check_length(self, steps: int, steps_per_epoch: int) -> None:
        """Raise ConfigError if the scheduler cannot step to the end of a run of `steps` updates.

        The check moves the scheduler to its last step: it cannot be used afterwards.
        """
        calls = {"step": steps, "epoch": steps // steps_per_epoch}.get(self.settings.interval, 0)
        if calls == 0 or not isinstance(getattr(self.scheduler, "last_epoch", None), int):
            return
        scheduler = cast(LRScheduler, self.scheduler)
        scheduler.last_epoch = calls - 1
        try:
            scheduler.step()
        except ValueError as error:
            horizon = "facts.steps" if self.settings.interval == "step" else "facts.epochs"
            raise ConfigError(
                f"scheduler: {type(scheduler).__name__} is shorter than the run, which steps it {calls} "
                f"times ({error}); use scheduler.total_steps='${{{horizon}}}'"
            ) from error

    def after(self, event: str, metrics: Mapping[str, float]) -> None:
        """Step if this scheduler steps at `event`. Raise RunFailed past the last step that it allows."""
        if self.scheduler is None or event != self.settings.interval:
            return
        try:
            if isinstance(self.scheduler, ReduceLROnPlateau):
                self.scheduler.step(metrics[self.settings.metric])
            else:
                self.scheduler.step()
        except ValueError as error:
            name = type(self.scheduler).__name__
            raise RunFailed(f"scheduler: {name} is shorter than the run: {error}") from error

    def state_dict(self) -> dict[str, Any]:
        """Return the state that changed since the scheduler was created.

        Its arguments are left out, so that an extended run uses the new length.
        """
        if self.scheduler is None:
            return {}
        state = self.scheduler.state_dict()
        return {key: value for key, value in state.items() if value != self._fresh.get(key)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what `state_dict()` of a scheduler of the same class returned."""
        if self.scheduler is not None:
            self.scheduler.load_state_dict({**self.scheduler.state_dict(), **state})
