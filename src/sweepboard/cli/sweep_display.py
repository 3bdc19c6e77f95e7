"""The terminal output of a sweep: a live table on a terminal, plain lines elsewhere, a table at the end."""

from __future__ import annotations

import shlex
import sys
import time
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sweepboard.cli.summary import program
from sweepboard.cli.table import print_table
from sweepboard.formatting import duration, number, printable
from sweepboard.metric_names import tag_of
from sweepboard.runs.record import RUNNING
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.job_status import DONE, WAITING, JobView, SweepCallback, best_first
from sweepboard.training.ending import FAILED

BETWEEN_LINES = 10.0
"""Minimum number of seconds between two plain lines about validations of one job."""


def display() -> SweepCallback:
    """Return the display for this process's standard output."""
    return LiveTable() if sys.stdout.isatty() else Lines()


class Lines(SweepCallback):
    """Prints a plain line for each event."""

    def __init__(self) -> None:
        self._views: Sequence[JobView] = ()
        self._ended: set[str] = set()
        self._told: dict[str, float] = {}

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
        self.say("  ".join(filter(None, line)) + (f"  {view.reason}" if view.reason else ""))
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

    def say(self, text: str) -> None:
        """Print a line and flush, also into a pipe."""
        print(printable(text), flush=True)


class LiveTable(Lines):
    """Shows the jobs in a table that is redrawn; permanent lines are printed above it."""

    def __init__(self, console: Console | None = None) -> None:
        super().__init__()
        self._console = console or Console()
        self._live = Live(
            console=self._console, get_renderable=self._table, refresh_per_second=4, transient=True
        )

    def on_start(self, folder: SweepFolder, views: Sequence[JobView]) -> None:
        super().on_start(folder, views)
        self._live.start()

    def on_validation(self, view: JobView) -> None:
        """Show the validation in the table."""

    def on_end(self, folder: SweepFolder, views: Sequence[JobView]) -> None:
        self._live.stop()
        super().on_end(folder, views)

    def say(self, text: str) -> None:
        self._console.print(printable(text), markup=False, highlight=False, soft_wrap=True)

    def _table(self) -> Table:
        table = Table(box=None, caption=counts(self._views), caption_justify="left")
        for heading in ("job", "state", "epoch", "metric", "time", "left"):
            table.add_column(heading, no_wrap=heading != "job")
        for view in self._shown():
            runs = view.state == RUNNING and view.seconds_left is not None
            left = duration(view.seconds_left or 0.0) if runs else ""
            where = f"{view.state} on GPU {view.gpu}" if view.gpu is not None else view.state
            cells = (view.label, where, epoch(view), metric(view), _time(view), left)
            table.add_row(*(Text(printable(cell)) for cell in cells))  # brackets in a label are no markup
        return table

    def _shown(self) -> list[JobView]:
        """Return as many jobs as fit on the terminal: running ones, then ended ones, then waiting ones."""
        order = {RUNNING: 0, FAILED: 1, WAITING: 3}
        views = sorted(best_first(self._views), key=lambda view: order.get(view.state, 2))
        return views[: max(1, self._console.height - 5)]


def _time(view: JobView) -> str:
    if view.state == RUNNING:
        return duration(time.monotonic() - view.since)
    return duration(view.seconds) if view.seconds else ""


def epoch(view: JobView) -> str:
    """Return `2.5/5`: epochs done, of all; of a training function, which knows only steps, its last step."""
    return f"{view.epoch:.3g}/{view.total_epochs:g}" if view.total_epochs else ""


def metric(view: JobView) -> str:
    """Return the best value of the primary metric: `val/accuracy 0.91`."""
    if view.primary_metric is None or view.score is None:
        return ""
    return f"{tag_of(view.primary_metric)} {number(view.score)}"


def counts(views: Sequence[JobView]) -> str:
    """Return `2 running, 5 waiting, 1 finished`."""
    return ", ".join(f"{count} {state}" for state, count in Counter(view.state for view in views).items())


def print_results(folder: SweepFolder, views: Sequence[JobView]) -> None:
    """Print the jobs best first, failed ones with their reasons, and where the files are."""
    rows = [[view.label, view.state, *_numbers(view), view.reason or ""] for view in best_first(views)]
    primary_metric = next((tag_of(view.primary_metric) for view in views if view.primary_metric), "metric")
    print()
    print_table(["job", "state", f"best {primary_metric}", "test", "time", "reason"], rows)
    print(f"\n{counts(views)}")
    if any(view.state == FAILED for view in views) and not folder.search.is_file():
        print(f"again: {printable(shlex.join([program(), 'resume', str(folder), '--failed']))}")
    written = [folder.results_csv, *([folder.picture] if folder.picture.is_file() else [])]
    print(f"results: {', '.join(map(printable, written))}")
    print(f"board: {printable(shlex.join([program(), 'board', str(folder)]))}")


def _numbers(view: JobView) -> list[str]:
    test = view.test.get(view.primary_metric) if view.primary_metric else None
    score = number(view.score) if view.score is not None else ""
    return [score, number(test) if test is not None else "", duration(view.seconds)]
