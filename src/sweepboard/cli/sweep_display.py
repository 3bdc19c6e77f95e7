"""The output of a sweep: a live table on a terminal, lines elsewhere, a table at the end."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.text import Text

from sweepboard.cli.progress_line import RewrittenLine
from sweepboard.cli.summary import program
from sweepboard.cli.sweep_table import (
    JobGroup,
    counts,
    epoch,
    groups_of,
    live_columns,
    metric,
    result_columns,
    spread_texts,
)
from sweepboard.cli.table import fitting, print_columns, table_lines
from sweepboard.cli.terminal import is_live, is_notebook, painted, status_colour
from sweepboard.formatting import duration, printable
from sweepboard.metric_names import tag_of
from sweepboard.runs.record import RUNNING
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.job_status import DONE, WAITING, JobView, SweepCallback, best_first
from sweepboard.training.ending import FAILED

POINTS_BETWEEN_LINES = 1000
"""Points of a plan that are checked between two plain lines about it."""

BETWEEN_COUNTS = 0.2
"""Minimum number of seconds between two counts of them on a terminal."""

BETWEEN_LINES = 10.0
"""Minimum number of seconds between two plain lines about validations of one job."""


def display() -> SweepCallback:
    """Return the display for this process's standard output."""
    if is_notebook():
        return LinesOfNotebook(RewrittenLine(sys.stdout))
    return LiveTable() if is_live() else Lines()


class Lines(SweepCallback):
    """Prints a plain line for each event."""

    def __init__(self) -> None:
        self._views: Sequence[JobView] = ()
        self._ended: set[str] = set()
        self._told: dict[str, float] = {}

    def on_planning(self, done: int, points: int) -> None:
        if done % POINTS_BETWEEN_LINES == 0:
            self.say(f"{done} of {points} points are checked")

    def on_start(self, folder: SweepFolder, views: Sequence[JobView]) -> None:
        self._views = views
        self.say(f"sweep folder: {folder}")
        self._ended = {view.label for view in views if view.state in DONE}
        already = f", {len(self._ended)} of them done already" if self._ended else ""
        self.say(f"{len(views)} jobs{already}")

    def on_note(self, text: str) -> None:
        self.say(text)

    def on_state(self, view: JobView) -> None:
        if view.state == WAITING:
            self.say(f"{view.label}  waits again: {view.reason}")
        if view.state in (RUNNING, WAITING):
            return
        self._ended.add(view.label)
        line = [
            f"[{len(self._ended)}/{len(self._views)}]",
            view.label,
            view.state,
            metric(view),
            duration(view.seconds),
        ]
        said = "  ".join(filter(None, line)) + (f"  {view.reason}" if view.reason else "")
        self.say(said, status_colour(view.state))
        if view.traceback:
            for each in view.traceback.rstrip().splitlines():
                self.say(each)

    def on_validation(self, view: JobView) -> None:
        now = time.monotonic()
        if now > self._told.get(view.label, 0.0) + BETWEEN_LINES:
            self._told[view.label] = now
            self.say(f"{view.label}  epoch {epoch(view)}  {metric(view)}")

    def on_end(self, folder: SweepFolder, views: Sequence[JobView]) -> None:
        print_results(folder, views)

    def say(self, text: str, colour: str | None = None) -> None:
        """Print a line and flush, also into a pipe."""
        print(painted(printable(text), colour), flush=True)


class LinesOfNotebook(Lines):
    """Prints a line for each job that ends, and below them one of all jobs, which is written anew."""

    def __init__(self, line: RewrittenLine) -> None:
        super().__init__()
        self._line = line

    def on_state(self, view: JobView) -> None:
        super().on_state(view)
        self._show()

    def on_news(self, view: JobView) -> None:
        del view
        self._show()

    def on_validation(self, view: JobView) -> None:
        self.on_news(view)

    def on_end(self, folder: SweepFolder, views: Sequence[JobView]) -> None:
        self._line.clear()
        super().on_end(folder, views)

    def say(self, text: str, colour: str | None = None) -> None:
        del colour
        self._line.write(f"{printable(text)}\n")
        self._line.flush()

    def _show(self) -> None:
        running = [view for view in self._views if view.state == RUNNING]
        places = [f"{view.label} epoch {epoch(view)}" for view in running if view.total_epochs]
        best = next((view for view in best_first(self._views) if view.score is not None), None)
        told = [f"best {metric(best)} ({best.label})"] if best is not None else []
        self._line.show([counts(self._views), *told, *places])


class LiveTable(Lines):
    """Shows the jobs in a table that is redrawn; permanent lines are printed above it."""

    def __init__(self, console: Console | None = None) -> None:
        super().__init__()
        self._console = console or Console()
        self._counts, self._counted = False, time.monotonic()
        self._live = Live(
            console=self._console, get_renderable=self._table, refresh_per_second=4, transient=True
        )

    def on_planning(self, done: int, points: int) -> None:
        """Write the number of checked points again and again into one line, which goes at the end."""
        line = f"{done} of {points} points are checked"
        if done < points and time.monotonic() > self._counted + BETWEEN_COUNTS:
            self._counts, self._counted = True, time.monotonic()
            self._console.print(line, end="\r", highlight=False)
        elif done == points and self._counts:
            self._console.print(" " * len(line), end="\r")

    def on_start(self, folder: SweepFolder, views: Sequence[JobView]) -> None:
        super().on_start(folder, views)
        self._live.start()

    def on_validation(self, view: JobView) -> None:
        """Show the validation in the table."""

    def on_end(self, folder: SweepFolder, views: Sequence[JobView]) -> None:
        self._live.stop()
        super().on_end(folder, views)

    def say(self, text: str, colour: str | None = None) -> None:
        self._console.print(Text(printable(text), style=colour or ""), soft_wrap=True)

    def _table(self) -> Text:
        """Return the table of the jobs that fit, and how many are in each state."""
        columns = fitting(live_columns(self._shown(), self._views), self._console.width)
        lines = [*table_lines(columns, self._console.width), counts(self._views)]
        return Text("\n").join(Text.from_ansi(line, no_wrap=True, overflow="crop") for line in lines)

    def _shown(self) -> list[JobView]:
        """Return as many jobs as fit on the terminal: running ones, then ended ones, then waiting ones."""
        order = {RUNNING: 0, FAILED: 1, WAITING: 3}
        views = sorted(best_first(self._views), key=lambda view: order.get(view.state, 2))
        return views[: max(1, self._console.height - 5)]


def print_results(folder: SweepFolder, views: Sequence[JobView]) -> None:
    """Print the jobs best first, where the files are, the best job, and what to type next."""
    groups = groups_of(views)
    print()
    print_columns(result_columns(groups), best=0 if len(groups) > 1 and groups[0].scores else None)
    print(f"\n{counts(views)}")
    written = [folder.results_csv, *([folder.picture] if folder.picture.is_file() else [])]
    print(f"results: {', '.join(map(printable, written))}")
    if groups[0].scores and not folder.search.is_file():  # a search tells of its best trials itself
        _print_best(folder, groups[0])
    for what, words in _next_commands(folder, views).items():
        print(f"{what}: {printable(shlex.join([program(), *words]))}")


def _next_commands(folder: SweepFolder, views: Sequence[JobView]) -> dict[str, list[str]]:
    """Return what to type next, by what it is for."""
    states = {view.state for view in views}
    goes_on = {} if states <= set(DONE) | {FAILED} else {"go on": ["resume", str(folder)]}
    failed = FAILED in states and not folder.search.is_file()
    again = {"again": ["resume", str(folder), "--failed"]} if failed else {}
    seeds = any(len(group.scores) > 1 for group in groups_of(views))
    bands = {"bands over seeds on the board": ["compare", str(folder), "--aggregate"]} if seeds else {}
    then = {"compare": ["compare", str(folder)], **bands, "board": ["board", str(folder)]}
    return goes_on | again | then


def _print_best(folder: SweepFolder, group: JobGroup) -> None:
    """Print the best job and its folder; of several repeats the best mean, and the best of these runs."""
    best, count = group.best, len(group.scores)
    place = printable(folder.job(best.label))
    if len(group.views) == 1 or best.primary_metric is None:
        told, rest = metric(best), f"in {place}"
    else:
        average = spread_texts([group.scores])[0].removesuffix(" (n = 2)")
        told = f"{tag_of(best.primary_metric)} {average} (mean of {count} {group.repeats})"
        rest = f"{metric(best)} in {place}"
    print(painted(f"best: {printable(group.label)}  {told}", "bold"))
    print(f"  {rest}")
