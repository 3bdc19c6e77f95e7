"""The steps at which a run logs, validates and saves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sweepboard.data.types import ENDLESS
from sweepboard.errors import ConfigError
from sweepboard.settings import TrainerSettings, check_values

FETCH_EVERY = 1000
"""Updates after which losses are checked even if nothing else is due."""


def length(settings: TrainerSettings, batches: int) -> tuple[int, int]:
    """Return the updates of the whole run and per epoch, for `batches` batches in an epoch.

    The run is one epoch of a stream that does not tell its length.
    Raise ConfigError for a length or an interval that is not positive.
    """
    check_values(settings, "trainer")
    if settings.limit_train_batches is not None:
        batches = min(batches, settings.limit_train_batches)
    if batches == 0:
        raise ConfigError(
            "an epoch has no batch: use a smaller dataset.batch_size or dataset.drop_last=false"
        )
    if batches == ENDLESS:
        if settings.steps is None:
            raise ConfigError(
                "trainer.steps: the data set is a stream that does not tell its length: say how many updates "
                "the run makes (trainer.steps=1000), or how many batches an epoch has "
                "(trainer.limit_train_batches=1000)"
            )
        return settings.steps, settings.steps
    per_epoch = math.ceil(batches / settings.accumulate)
    return settings.steps or settings.epochs * per_epoch, per_epoch


@dataclass(frozen=True)
class Intervals:
    """The intervals of logging, validation and saving, in updates; an empty tuple means never."""

    total_steps: int
    steps_per_epoch: int
    log: tuple[int, ...]
    validate: tuple[int, ...]
    save: tuple[int, ...]

    @classmethod
    def of(cls, settings: TrainerSettings, batches: int, log_every: int | None, validates: bool) -> Intervals:
        """Return the intervals of a run.

        `log_every` is in updates (None: once an epoch); `validates` says whether there is a validation set.
        Raise ConfigError as `length` does.
        """
        if log_every is not None and log_every <= 0:
            raise ConfigError(f"logging.every_steps={log_every} must be greater than 0")
        total, per_epoch = length(settings, batches)
        checkpoint = settings.checkpoint
        validate = _intervals(per_epoch, settings.val_every_epochs, settings.val_every_steps)
        return cls(
            total,
            per_epoch,
            log=(log_every or per_epoch,),
            validate=validate if validates else (),
            save=_intervals(per_epoch, checkpoint.every_epochs, checkpoint.every_steps),
        )

    def next_event(self, step: int) -> int:
        """Return the first step after `step` at which something is due."""
        intervals = (FETCH_EVERY, self.steps_per_epoch, *self.log, *self.validate, *self.save)
        return min(self.total_steps, step + min(every - step % every for every in intervals))


def due(step: int, intervals: tuple[int, ...]) -> bool:
    """Return whether one of `intervals` ends at `step`."""
    return any(step % every == 0 for every in intervals)


def _intervals(per_epoch: int, epochs: int | None, steps: int | None) -> tuple[int, ...]:
    by_epochs = () if epochs is None else (epochs * per_epoch,)
    return by_epochs if steps is None else (*by_epochs, steps)
