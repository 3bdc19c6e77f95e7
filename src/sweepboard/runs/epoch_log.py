"""One line per validation in train.log, and on a terminal without a progress bar."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from types import MappingProxyType

from torch import nn
from torch.nn.parameter import is_lazy

from sweepboard.data.types import ENDLESS
from sweepboard.formatting import duration, number
from sweepboard.metric_names import BEST_TEST, LAST_TEST, named_tests, tag_of, tagged
from sweepboard.training.callback import Callback
from sweepboard.training.progress import Progress

log = logging.getLogger("sweepboard")
EPOCHS = logging.getLogger("sweepboard.epochs")
"""Lines about validations."""

NOTES = EPOCHS.getChild("notes")
"""Lines about the start and the end of a run."""

NOTHING: Mapping[str, str] = MappingProxyType({})


class EpochLog(Callback):
    """Logs what is trained, a line after each validation, and one at the end of a run without any.

    `groups` are the chosen options by group.

    A metric that is not finite is warned of once: training may go on well while the board shows a gap.
    """

    def __init__(self, groups: Mapping[str, str] = NOTHING) -> None:
        self._told: set[str] = set()
        self._groups = groups

    def on_start(self, progress: Progress) -> None:
        for line in header(self._groups, progress):
            NOTES.info("%s", line)
        if progress.step:
            NOTES.info("going on from step %d of %d", progress.step, progress.total_steps)

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
            NOTES.info("stopped early at step %d: %s", progress.step, progress.stop_reason)
        for prefix, metrics in ((BEST_TEST, progress.best_test_metrics), (LAST_TEST, progress.test_metrics)):
            self._tell_of_bad_numbers(prefix, metrics, progress.step)
            if named := named_tests(tagged(prefix, metrics), progress.improved_before_end):
                NOTES.info("%s", "  ".join(_tagged("", named)))


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
    parts.append(time_left(progress))
    return "  ".join(parts)


def time_left(progress: Progress) -> str:
    """Return `0:12 left`."""
    return f"{duration(progress.seconds_left)} left"


def most_telling_first(progress: Progress) -> list[str]:
    """Return the metrics as text: the primary one, the losses, the others, and the speed."""
    primary = tag_of(progress.primary_metric)
    metrics = [*_tagged("val/", progress.val_metrics), *_tagged("train/", progress.train_metrics)]
    worth = {primary: 0, "train/loss": 1, "val/loss": 2}
    metrics.sort(key=lambda text: worth.get(text.partition(" ")[0], 3))
    speed = [f"{progress.samples_per_second:.0f} samples/s"] if progress.samples_per_second else []
    return metrics + speed


def header(groups: Mapping[str, str], progress: Progress) -> list[str]:
    """Return what is trained: model with its weights, optimizer, precision, device, data with their sizes."""
    learner, data = progress.learner, progress.data
    model = groups.get("model", type(learner.model).__name__)
    classes = " and ".join(type(each).__name__ for each in learner.optimizers.values())
    optimizer = groups.get("optimizer", classes)
    splits = {"train": data.train, "val": data.val, "test": data.test}
    sizes = [f"{split.size:,} {name}" for name, split in splits.items() if split and split.size < ENDLESS]
    return [
        f"model {model} ({_weights(learner.model)}), optimizer {optimizer}, "
        f"{progress.settings.precision} on {learner.device}",
        f"data {groups.get('dataset', '')}: {', '.join(sizes) or 'of unknown length'}",
    ]


def _weights(model: nn.Module) -> str:
    """Return the number of weights; lazy layers get theirs from the first batch."""
    weights = list(model.parameters())
    known = [each.numel() for each in weights if not is_lazy(each)]
    more = "" if len(known) == len(weights) else ", more from the first batch on"
    return f"{sum(known):,} weights{more}"


def _tagged(prefix: str, metrics: Mapping[str, float]) -> list[str]:
    return [f"{prefix}{name} {number(value)}" for name, value in metrics.items()]
