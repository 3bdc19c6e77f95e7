"""The end of a run on the terminal: what came out, where it is, and how to look at it."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from sweepboard.cli.table import print_table
from sweepboard.formatting import duration, number, printable
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import RunRecord


def print_summary(record: RunRecord, folder: RunFolder) -> None:
    """A small table and the command that shows the board."""
    last = " (last weights)" if any(_when(record, name) for name in record.best) else ""
    rows = [[tag + last, number(value)] for tag, value in record.metrics.items() if tag.startswith("test/")]
    if not rows:
        rows = [[tag, number(value)] for tag, value in record.metrics.items()]
    rows += [[f"best/val_{name}{_when(record, name)}", number(value)] for name, value in record.best.items()]
    rows += [["training time", duration(record.seconds)], ["run folder", str(folder)]]
    print()
    print_table(["result", ""], rows)
    print(f"\nboard: {printable(board_command(folder.path))}")


def _when(record: RunRecord, metric: str) -> str:
    """Of which weights the best value of a metric is, where these are not the last ones."""
    step = record.best_steps.get(metric, record.step)
    return f" (step {step})" if step != record.step else ""


def board_command(folder: Path) -> str:
    """The exact command that shows the board of a run beside its siblings."""
    root = next((parent for parent in folder.parents if parent.name == "outputs"), folder.parent)
    words = [program(), "board"] if root == Path("outputs") else [program(), "board", str(root)]
    return shlex.join(words)


def program() -> str:
    """How `sweepboard` is called from here: by its name, or where that is not found by its path."""
    script = Path(sys.executable).with_name("sweepboard")
    if shutil.which("sweepboard") or not script.exists():
        return "sweepboard"
    here = Path.cwd()
    return str(script.relative_to(here)) if script.is_relative_to(here) else str(script)
