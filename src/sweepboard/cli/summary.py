"""The summary at the end of a run: its metrics, its folder, and the command to view it."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from sweepboard.cli.table import print_table
from sweepboard.formatting import duration, number, printable
from sweepboard.metric_names import column_of, named_tests
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import RunRecord


def print_summary(record: RunRecord, folder: RunFolder) -> None:
    """Print a small table and the command that shows the run in TensorBoard."""
    tests = named_tests(record.metrics, record.improved_before_end)
    rows = [[tag, number(value)] for tag, value in tests.items()]
    if not rows:
        rows = [[tag, number(value)] for tag, value in record.metrics.items()]
    rows += [
        [f"{column_of(name)}{_when(record, name)}", number(value)] for name, value in record.best.items()
    ]
    rows += [["stopped early", f"step {record.step}: {record.stopped}"]] if record.stopped else []
    rows += [["training time", duration(record.seconds)]]
    print()
    print_table(["result", ""], rows)
    print(f"\nrun folder: {printable(folder)}")
    if folder.profile.is_file():
        print(f"profile: {printable(folder.profile)} (open it at https://ui.perfetto.dev)")
    print(f"board: {printable(board_command(folder.path))}")


def _when(record: RunRecord, metric: str) -> str:
    """Return the step of a metric's best value, if it is not the last one."""
    step = record.best_steps.get(metric, record.step)
    return f" (step {step})" if step != record.step else ""


def board_command(folder: Path) -> str:
    """Return the exact command that shows a run in TensorBoard, together with its siblings."""
    root = next((parent for parent in folder.parents if parent.name == "outputs"), folder.parent)
    command = [program(), "board"] if root == Path("outputs") else [program(), "board", str(root)]
    return shlex.join(command)


def program() -> str:
    """Return the command for `sweepboard`: its name, or its path if the name is not found."""
    script = Path(sys.executable).with_name("sweepboard")
    if shutil.which("sweepboard") or not script.exists():
        return "sweepboard"
    here = Path.cwd()
    return str(script.relative_to(here)) if script.is_relative_to(here) else str(script)
