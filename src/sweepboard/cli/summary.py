"""The end of a run on the terminal: what came out, where it is, and how to look at it."""

from __future__ import annotations

import shlex
from pathlib import Path

from sweepboard.cli.table import print_table
from sweepboard.lifecycle.folder import RunFolder
from sweepboard.lifecycle.record import RunRecord
from sweepboard.words import duration, number


def print_summary(record: RunRecord, folder: RunFolder) -> None:
    """A small table and the command that shows the board."""
    rows = [[tag, number(value)] for tag, value in record.metrics.items() if tag.startswith("test/")]
    if not rows:
        rows = [[tag, number(value)] for tag, value in record.metrics.items()]
    rows += [[f"best/val_{name}", number(value)] for name, value in record.best.items()]
    rows += [["training time", duration(record.seconds)], ["run folder", str(folder)]]
    print()
    print_table(["result", ""], rows)
    print(f"\nboard: {board_command(folder.path)}")


def board_command(folder: Path) -> str:
    """The exact command that shows the board of a run beside its siblings."""
    root = next((parent for parent in folder.parents if parent.name == "outputs"), folder.parent)
    return "sweepboard board" if root == Path("outputs") else f"sweepboard board {shlex.quote(str(root))}"
