"""The output of a training run: a line per validation, and a progress bar or, in a notebook, line below."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from sweepboard.cli.progress_line import ProgressLine, RewrittenLine
from sweepboard.cli.terminal import is_live, is_notebook
from sweepboard.formatting import printable
from sweepboard.runs.epoch_log import (
    EPOCHS,
    NOTES,
    epoch_in_progress,
    epoch_of,
    most_telling_first,
    time_left,
)
from sweepboard.runs.log_file import LOGGER
from sweepboard.training.callback import Callback
from sweepboard.training.progress import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID
    from rich.table import Column as TableColumn


@contextmanager
def run_display(bar: bool = True) -> Iterator[dict[str, Callback]]:
    """Print warnings on this process's terminal, and yield the callbacks that display the run.

    Without `bar`, a terminal shows no progress bar: a training function prints itself.
    """
    if bar and is_live():
        with _bar() as shown:
            yield {"progress bar": ProgressBar(shown)}
    else:
        line = RewrittenLine(sys.stdout) if bar and is_notebook() else None
        lines = _Lines(line or sys.stdout)  # type: ignore[arg-type]
        warnings_ = logging.StreamHandler(sys.stderr)
        with _attached(lines, _is_line), _attached(warnings_, _is_warning):
            yield {"progress line": ProgressLine(line)} if line is not None else {}


@contextmanager
def _bar() -> Iterator[Bar]:
    # Imported here, because runs without a terminal start sooner without it.
    from rich.console import Console
    from rich.highlighter import NullHighlighter
    from rich.logging import RichHandler
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console()
    columns = (
        TextColumn("{task.description}", table_column=_whole()),
        BarColumn(bar_width=bar_width(console.width)),
        TextColumn("{task.fields[state]}", markup=False, table_column=_whole()),
    )
    shown = RichHandler(
        console=console, show_path=False, show_time=False, show_level=False,
        highlighter=NullHighlighter(), keywords=[],
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar, _attached(shown, _is_note):
        yield bar


def _whole() -> TableColumn:
    """Return a column that is never cut: its text was made to fit."""
    from rich.table import Column

    return Column(no_wrap=True, overflow="crop")


def bar_width(columns: int) -> int:
    """Return the width of the bar on a terminal of so many columns."""
    return max(5, min(40, columns // 5))


class ProgressBar(Callback):
    """A progress bar over all updates, and a lasting line above it for each validation."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task: TaskID | None = None

    def on_start(self, progress: Progress) -> None:
        self._task = self._bar.add_task("", total=progress.total_steps, completed=progress.step, state="")
        self.on_tick(progress)

    def on_tick(self, progress: Progress) -> None:
        if self._task is not None:
            where, columns = epoch_in_progress(progress), self._bar.console.width
            room = columns - len(where) - bar_width(columns) - 3  # blanks between the columns, and one more
            state = fitted([time_left(progress), *most_telling_first(progress)], room)
            self._bar.update(self._task, completed=progress.step, description=where, state=state)

    def on_validation(self, progress: Progress) -> None:
        line = fitted([epoch_of(progress), *most_telling_first(progress)], self._bar.console.width)
        self._bar.console.print(printable(line), markup=False, highlight=False)
        self.on_tick(progress)


def fitted(parts: Sequence[str], room: int) -> str:
    """Return as many of `parts` as fit into `room`, the first in any case: whole ones, in their order."""
    line = parts[0]
    for part in parts[1:]:
        if len(line) + 2 + len(part) <= room:
            line += f"  {part}"
    return line


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


class _Lines(logging.StreamHandler[TextIO]):
    """Prints to a pipe; where its reader is gone (`sweepboard | head`), training goes on without it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        if not isinstance(sys.exc_info()[1], BrokenPipeError):
            super().handleError(record)


class _Plain(logging.Formatter):
    """Prints the message, with a prefix for warnings; failures are printed by the command as it ends."""

    def format(self, record: logging.LogRecord) -> str:
        return ("warning: " if record.levelno == logging.WARNING else "") + printable(record.getMessage())


def _is_warning(record: logging.LogRecord) -> bool:
    return record.levelno == logging.WARNING


def _is_line(record: logging.LogRecord) -> bool:
    """Return whether a pipe shows a message on standard output."""
    return record.levelno == logging.INFO and record.name in (EPOCHS.name, NOTES.name)


def _is_note(record: logging.LogRecord) -> bool:
    """Return whether a terminal shows a message above the bar, which has its own lines for validations."""
    return _is_warning(record) or (record.levelno == logging.INFO and record.name == NOTES.name)
