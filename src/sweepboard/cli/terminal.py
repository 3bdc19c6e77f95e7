"""What a person sees while a run trains: a progress bar on a terminal, a line per validation elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from sweepboard.cli.table import duration, number
from sweepboard.lifecycle.logs import LOGGER
from sweepboard.training.loop import Progress
from sweepboard.training.observer import Observer


@contextmanager
def shown() -> Iterator[list[Observer]]:
    """Observers that show a run on this process's terminal, and its warnings beside them, during the block."""
    if sys.stdout.isatty():
        console = Console()
        handler = RichHandler(console=console, show_path=False, show_time=False)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
        with Bar(*columns, console=console, transient=True) as bar, _warnings_to(handler):
            yield [ProgressBar(bar)]
    else:
        with _warnings_to(logging.StreamHandler(sys.stderr)):
            yield [Lines()]


@contextmanager
def _warnings_to(handler: logging.Handler) -> Iterator[None]:
    # Only warnings: epochs have their own line, and a failure is told by the command as it ends.
    handler.addFilter(lambda record: record.levelno == logging.WARNING)
    handler.setFormatter(logging.Formatter("warning: %(message)s"))
    LOGGER.addHandler(handler)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)


class Lines(Observer):
    """One plain line per validation."""

    def __init__(self) -> None:
        self._train: dict[str, float] = {}

    def on_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self._train.update(
            (tag, value) for tag, value in scalars.items() if tag.startswith(("train/", "perf/"))
        )

    def on_validation(self, progress: Progress) -> None:
        epoch = f"epoch {number(progress.epochs_done)}/{number(progress.total_epochs)}"
        print(f"{epoch}  step {progress.step}  {state(progress, self._train)}", flush=True)


class ProgressBar(Observer):
    """One bar over all updates."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task: TaskID | None = None
        self._train: dict[str, float] = {}

    def on_start(self, progress: Progress) -> None:
        self._task = self._bar.add_task("training", total=progress.total_steps, state="")

    def on_tick(self, progress: Progress) -> None:
        assert self._task is not None
        epoch = f"epoch {min(int(progress.epochs_done) + 1, round(progress.total_epochs))}/{number(progress.total_epochs)}"
        self._bar.update(
            self._task, completed=progress.step, description=epoch, state=state(progress, self._train)
        )

    def on_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self._train.update(
            (tag, value) for tag, value in scalars.items() if tag.startswith(("train/", "perf/"))
        )

    on_validation = on_tick


def state(progress: Progress, train: Mapping[str, float]) -> str:
    """Losses, metrics, speed and time left in one line."""
    parts = [f"{tag} {number(value)}" for tag, value in train.items() if tag == "train/loss"]
    parts += [f"val/{name} {number(value)}" for name, value in progress.val_metrics.items()]
    parts += [f"{number(round(v))} samples/s" for t, v in train.items() if t == "perf/samples_per_second"]
    parts.append(f"{duration(progress.seconds_left)} left")
    return "  ".join(parts)
