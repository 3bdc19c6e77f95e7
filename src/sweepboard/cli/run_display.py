"""The terminal output of a training run: a progress bar on a terminal, a line per validation elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sweepboard.formatting import printable
from sweepboard.runs.epoch_log import EPOCHS, epoch_in_progress, state_of
from sweepboard.runs.log_file import LOGGER
from sweepboard.training.callback import Callback
from sweepboard.training.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID


@contextmanager
def run_display(bar: bool = True) -> Iterator[dict[str, Callback]]:
    """Print warnings on this process's terminal, and yield the callbacks that display the run.

    Without `bar`, a terminal shows no progress bar: a training function prints itself.
    """
    if bar and sys.stdout.isatty():
        with _bar() as shown:
            yield {"progress bar": ProgressBar(shown)}
    else:
        lines = logging.StreamHandler(sys.stdout)
        warnings_ = logging.StreamHandler(sys.stderr)
        with _attached(lines, _is_epoch_line), _attached(warnings_, _is_warning):
            yield {}


@contextmanager
def _bar() -> Iterator[Bar]:
    # Imported here, because runs without a terminal start sooner without it.
    from rich.console import Console
    from rich.logging import RichHandler
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[state]}", markup=False),
    )
    warnings = RichHandler(console=console, show_path=False, show_time=False, show_level=False)
    with Progress(*columns, console=console, transient=True) as bar, _attached(warnings, _is_warning):
        yield bar


class ProgressBar(Callback):
    """A progress bar over all updates."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task: TaskID | None = None

    def on_start(self, progress: Progress) -> None:
        self._task = self._bar.add_task("", total=progress.total_steps, completed=progress.step, state="")

    def on_tick(self, progress: Progress) -> None:
        if self._task is not None:
            where = epoch_in_progress(progress)
            self._bar.update(self._task, completed=progress.step, description=where, state=state_of(progress))

    on_validation = on_tick


@contextmanager
def _attached(handler: logging.Handler, wanted: Callable[[logging.LogRecord], bool]) -> Iterator[None]:
    handler.addFilter(wanted)
    handler.setFormatter(_Plain())
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)


class _Plain(logging.Formatter):
    """Prints the message, with a prefix for warnings; failures are printed by the command as it ends."""

    def format(self, record: logging.LogRecord) -> str:
        return ("warning: " if record.levelno == logging.WARNING else "") + printable(record.getMessage())


def _is_warning(record: logging.LogRecord) -> bool:
    return record.levelno == logging.WARNING


def _is_epoch_line(record: logging.LogRecord) -> bool:
    return record.name == EPOCHS.name and record.levelno == logging.INFO
