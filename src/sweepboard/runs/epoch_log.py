"""One line per validation in train.log, and on a terminal without a progress bar."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping

from sweepboard.formatting import duration, number
from sweepboard.training.callback import Callback
from sweepboard.training.progress import Progress

log = logging.getLogger("sweepboard")
EPOCHS = logging.getLogger("sweepboard.epochs")


class EpochLog(Callback):
    """Logs a line after each validation, and at the end of a run without any.

    A metric that is not finite is warned of once: training may go on well while the board shows a gap.
    """

    def __init__(self) -> None:
        self._told: set[str] = set()

    def on_start(self, progress: Progress) -> None:
        if progress.step:
            EPOCHS.info("going on from step %d of %d", progress.step, progress.total_steps)

    def on_validation(self, progress: Progress) -> None:
        EPOCHS.info("%s  step %d  %s", epoch_of(progress), progress.step, state_of(progress))
        self._tell_of_bad_numbers("val/", progress.val_metrics, progress.step)

    def _tell_of_bad_numbers(self, prefix: str, metrics: Mapping[str, float], step: int) -> None:
        bad = {f"{prefix}{name}" for name, value in metrics.items() if not math.isfinite(value)} - self._told
        if bad:
            self._told |= bad
            names = ", ".join(sorted(bad))
            log.warning(
                "%s: not a finite number at step %d; is an output of the model nan or inf?", names, step
            )

    def on_end(self, progress: Progress) -> None:
        if not progress.val_metrics:
            self.on_validation(progress)
        if progress.stop_reason:
            EPOCHS.info("stopped early at step %d: %s", progress.step, progress.stop_reason)
        EPOCHS.info("%s", "  ".join(_tagged("test/", progress.test_metrics)))
        self._tell_of_bad_numbers("test/", progress.test_metrics, progress.step)


def epoch_of(progress: Progress) -> str:
    """Return `epoch 3/5`: completed epochs, with their fraction."""
    return f"epoch {number(progress.epochs_done)}/{number(progress.total_epochs)}"


def epoch_in_progress(progress: Progress) -> str:
    """Return `epoch 3/5`: the epoch in progress, or the last one when all are done."""
    total = math.ceil(progress.total_epochs)
    return f"epoch {min(progress.epoch + 1, total)}/{total}"


def state_of(progress: Progress) -> str:
    """Return losses, metrics, speed and time left as one line."""
    parts = [*_tagged("train/", progress.train_metrics), *_tagged("val/", progress.val_metrics)]
    if progress.samples_per_second:
        parts.append(f"{progress.samples_per_second:.0f} samples/s")
    parts.append(f"{duration(progress.seconds_left)} left")
    return "  ".join(parts)


def _tagged(prefix: str, metrics: Mapping[str, float]) -> list[str]:
    return [f"{prefix}{name} {number(value)}" for name, value in metrics.items()]
