"""`sweepboard ls [DIR]`: the runs of a folder, newest last."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from sweepboard.cli.table import Column, print_columns
from sweepboard.cli.terminal import status_colour
from sweepboard.errors import UserError
from sweepboard.files import as_json
from sweepboard.formatting import age, duration, number, printable
from sweepboard.metric_names import tag_of
from sweepboard.runs.alteration import alteration
from sweepboard.runs.discover import walk_runs
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import RUNNING, DamagedRecord, RunRecord, as_plain, read_record

log = logging.getLogger(__name__)

WORTH = {"run": 65, "status": 90, "age": 80, "time": 60, "epoch": 50, "best": 85, "overrides": 70}
"""The columns, and which of them gives way last on a narrow terminal."""


def main(arguments: list[str]) -> int:
    """List runs; the exit code is 0 even if there are none."""
    options = _parser().parse_args(arguments)
    root = Path(options.folder)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; give the folder that holds your runs (default: outputs)")
    runs = [RunFolder(path) for path in sorted(path for path, ours in walk_runs(root) if ours)]
    if options.json:
        print(as_json([_plain(run) for run in runs]))
    elif runs:
        print_columns(_columns([_row(run, root) for run in runs]))
    else:
        print(f"no runs in {printable(root)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sweepboard ls", description=__doc__)
    parser.add_argument(
        "folder", nargs="?", default="outputs", help="folder to look below (default: outputs)"
    )
    parser.add_argument("--json", action="store_true", help="print every field of every record as JSON")
    return parser


def _plain(run: RunFolder) -> dict[str, object]:
    try:
        return {"folder": str(run)} | as_plain(_read(run))
    except DamagedRecord as error:
        return {"folder": str(run), "status": "damaged", "reason": str(error)}


def _row(run: RunFolder, root: Path) -> list[str]:
    name = str(run.path.relative_to(root)) if run.path != root else str(root)
    try:
        record = _read(run)
    except DamagedRecord as error:
        return [name, "damaged", "", "", "", "", str(error)]
    return [
        name,
        _status(record, run),
        age(time.time() - record.started),
        duration(record.seconds),
        number(record.epoch),
        best_value(record),
        " ".join(record.overrides),
    ]


def _columns(rows: Sequence[Sequence[str]]) -> list[Column]:
    return [
        Column(header, cells, worth, header == "overrides", status_colour if header == "status" else None)
        for (header, worth), cells in zip(WORTH.items(), zip(*rows, strict=True), strict=True)
    ]


def _status(record: RunRecord, run: RunFolder) -> str:
    """Return the status; of a process that cannot be seen from here, where it is and when it last wrote."""
    status = record.true_status
    if status != RUNNING or record.process.lives is not None:
        return status
    return f"{status} on {record.host}, last heard of {age(time.time() - run.last_written)} ago"


def _read(run: RunFolder) -> RunRecord:
    """Return the record of a run, with a warning if something else than sweepboard has changed it."""
    record = read_record(run)
    if what := alteration(run, record):
        record.altered = True
        log.warning("%s: %s", printable(run), what)
    return record


def best_value(record: RunRecord) -> str:
    """Return the primary metric's best value, as `val/accuracy 0.91`; empty before the first validation."""
    if record.primary_metric is None or record.primary_metric not in record.best:
        return ""
    return f"{tag_of(record.primary_metric)} {number(record.best[record.primary_metric])}"
