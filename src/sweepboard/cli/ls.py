"""`sweepboard ls [DIR]`: the runs of a folder, newest last."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sweepboard.cli.table import Column, print_columns
from sweepboard.cli.terminal import status_colour
from sweepboard.cli.verb_parser import VerbParser
from sweepboard.errors import UserError
from sweepboard.files import as_json
from sweepboard.formatting import age, duration, number, printable
from sweepboard.metric_names import tag_of
from sweepboard.runs.alteration import alteration
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import DamagedRecord, as_plain, read_record
from sweepboard.runs.run_summary import DAMAGED, RunSummary
from sweepboard.runs.short_names import Numbered, numbered, numbers_in
from sweepboard.sweeps.engine_queue import at_engines_below

log = logging.getLogger(__name__)

WAITING = "waiting"
"""The status of a job that an engine has and that has not begun."""

WORTH = {
    "#": 100, "run": 65, "status": 90, "age": 80, "time": 60, "epoch": 50, "best": 85, "tags": 75, "note": 40,
    "overrides": 70,
}  # fmt: skip
"""The columns, and which of them gives way last on a narrow terminal."""

EXAMPLES = """examples:
  sweepboard ls outputs/sweeps/lr
  sweepboard ls --where 'status == failed' --limit 5
  sweepboard ls --sort val/accuracy

The number of a run in outputs names it in every verb (sweepboard show 3), and so do last, best,
best:METRIC and a unique beginning of its name. --where and --sort are those of compare.
"""


def main(arguments: list[str]) -> int:
    """List runs; the exit code is 0 even if there are none."""
    options = _parser().parse_args(arguments)
    root = Path(options.folder)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; give the folder that holds your runs (default: outputs)")
    runs = every = numbered(root)
    if runs and (options.where or options.sort):
        runs = _chosen(runs, root, options)
    runs = runs[-options.limit :] if options.limit else runs
    engines = at_engines_below(root)
    waiting = {path: how for path, how in engines.items() if not (options.where or RunFolder(path).begun)}
    if options.json:
        records = [_plain(each.folder, engines.get(each.folder.path)) for each in runs]
        print(as_json(records + [_plain_waiting(path, how) for path, how in waiting.items()]))
    elif runs or waiting:
        numbers = numbers_in(root, every)
        rows = [_row(each, root, numbers, engines.get(each.folder.path)) for each in runs]
        print_columns(_columns([*rows, *(_waiting_row(path, root, how) for path, how in waiting.items())]))
    else:
        print(f"no runs in {printable(root)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = VerbParser(
        prog="sweepboard ls",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("folder", nargs="?", default="outputs", help="folder to look below (default: outputs)")
    add("--where", metavar="CONDITION", help="list the runs for which this holds")
    add("--sort", metavar="NAME", help="sort as compare does, its first row last (default: newest last)")
    add("--limit", type=int, metavar="N", help="list only the last N")
    add("--json", action="store_true", help="print every field of every record as JSON")
    return parser


def _chosen(runs: Sequence[Numbered], root: Path, options: argparse.Namespace) -> list[Numbered]:
    """Return the runs for which `--where` holds, in the order of `--sort`."""
    from sweepboard.analysis.compare import compare
    from sweepboard.analysis.load import read_runs

    table = compare(read_runs([root]), options.where, options.sort, each=True)
    places = {row.runs[0].path: place for place, row in enumerate(table.rows)}
    found = [each for each in runs if each.folder.path in places]
    if options.sort:
        found.sort(key=lambda each: places[each.folder.path], reverse=True)
    return found


def _plain(run: RunFolder, engine: str | None) -> dict[str, object]:
    known = {"folder": str(run)} | ({"engine": engine} if engine else {})
    try:
        record = read_record(run)
    except DamagedRecord as error:
        return {"folder": str(run), "status": DAMAGED, "reason": str(error)}
    if what := alteration(run, record):
        record.altered = True
        _warn(run, what)
    return known | as_plain(record)


def _waiting_row(path: Path, root: Path, engine: str) -> list[str]:
    return ["", str(path.relative_to(root)), f"{WAITING} ({engine})", *[""] * 7]


def _plain_waiting(path: Path, engine: str) -> dict[str, object]:
    return {"folder": str(path), "status": WAITING, "engine": engine}


def _row(each: Numbered, root: Path, numbers: Mapping[Path, int], engine: str | None) -> list[str]:
    run, summary = each.folder, each.summary
    name = str(run.path.relative_to(root)) if run.path != root else str(root)
    number_ = str(numbers.get(run.path, ""))
    if summary.status == DAMAGED:
        return [number_, name, DAMAGED, *[""] * 6, summary.damage or ""]
    if summary.damage:
        _warn(run, summary.damage)
    return [
        number_,
        name,
        _status(summary, run) + (f" ({engine})" if engine else ""),
        age(time.time() - summary.started),
        duration(summary.seconds),
        number(summary.epoch),
        _best_value(summary),
        ", ".join(summary.tags),
        summary.note,
        " ".join(summary.overrides),
    ]


def _columns(rows: Sequence[Sequence[str]]) -> list[Column]:
    """Return the columns; those of tags, notes and numbers only if there are any."""
    columns = [
        Column(header, cells, worth, header == "overrides", status_colour if header == "status" else None)
        for (header, worth), cells in zip(WORTH.items(), zip(*rows, strict=True), strict=True)
    ]
    return [each for each in columns if each.header not in ("#", "tags", "note") or any(each.cells)]


def _status(summary: RunSummary, run: RunFolder) -> str:
    """Return the status; of a process that cannot be seen from here, where it is and when it last wrote."""
    if not summary.host:
        return summary.status
    return f"{summary.status} on {summary.host}, last heard of {age(time.time() - run.last_written)} ago"


def _warn(run: RunFolder, what: str) -> None:
    """Warn that something else than sweepboard has changed a run."""
    log.warning("%s: %s", printable(run), what)


def _best_value(summary: RunSummary) -> str:
    """Return the primary metric's best value, as `val/accuracy 0.91`; empty before the first validation."""
    if summary.primary_metric is None or summary.best is None:
        return ""
    return f"{tag_of(summary.primary_metric)} {number(summary.best)}"
