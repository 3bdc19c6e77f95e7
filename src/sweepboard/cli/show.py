"""`sweepboard show RUN`: status, metrics, configuration and files of a run, and how to go on."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from sweepboard.cli.chosen_run import RUN, chosen
from sweepboard.cli.summary import program
from sweepboard.cli.table import Column, print_columns
from sweepboard.cli.terminal import definitions, help_width, painted, status_colour
from sweepboard.cli.verb_parser import VerbParser
from sweepboard.errors import reason
from sweepboard.files import as_json, read_text
from sweepboard.formatting import age, bytes_text, duration, number, printable
from sweepboard.metric_names import BEST_TEST, LAST_TEST, tag_of
from sweepboard.runs.alteration import warn_if_altered
from sweepboard.runs.folder import RunFolder, open_run
from sweepboard.runs.record import RUNNING, RunRecord, as_plain, read_record
from sweepboard.runs.remove import size_of
from sweepboard.training.ending import FINISHED


def main(arguments: list[str]) -> int:
    """Print what is known of a run."""
    made = VerbParser(prog="sweepboard show", description=__doc__)
    made.add_argument("run", help=RUN)
    made.add_argument("--json", action="store_true", help="print every field of the record as JSON")
    options = made.parse_args(arguments)
    folder = open_run(chosen(options.run))
    record = read_record(folder)
    warn_if_altered(folder, record)
    if options.json:
        print(as_json({"folder": str(folder)} | as_plain(record)))
    else:
        _print(folder, record)
    return 0


def _print(folder: RunFolder, record: RunRecord) -> None:
    print(painted(printable(folder), "bold"))
    rows = [(word, printable(text)) for word, text in _facts(record) if text]
    for line in definitions(rows, help_width()):
        print(painted(line, status_colour(record.true_status)) if line.startswith("  status") else line)
    if metrics := _metrics(record):
        print()
        print_columns(metrics)
    print("\nconfiguration")
    for line in _config(folder):
        print(f"  {printable(line)}")
    print("\nfiles")
    for line in definitions(list(_files(folder.path)), help_width()):
        print(line)
    print()
    for what, words in _next_commands(folder, record):
        print(f"{what}: {printable(shlex.join([program(), *words]))}")


def _facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    status = record.true_status
    yield "status", status + (f": {record.reason}" if record.reason and status != FINISHED else "")
    yield "tags", ", ".join(record.tags)
    yield "note", record.note
    of = f" of {record.total_steps}" if record.total_steps else ""
    yield "step", f"{record.step}{of} (epoch {number(record.epoch)})"
    yield "saved", f"step {record.checkpoint_step}" if record.checkpoint_step else ""
    yield "began", f"{age(time.time() - record.started)} ago on {record.host}" if record.started else ""
    yield (
        "training",
        duration(record.seconds) + (f" in {record.attempts} parts" if record.attempts > 1 else ""),
    )
    yield "stopped", record.stopped or ""
    yield "seed", str(record.seed)
    yield "command", record.command
    yield "rerun of", record.parent or ""


def _metrics(record: RunRecord) -> list[Column]:
    """Return a table with a row for each metric: the last value, the best, and where that was.

    The best value of a test is that of the best weights.
    """
    bests = {tag_of(name): value for name, value in record.best.items()}
    steps = {tag_of(name): step for name, step in record.best_steps.items()}
    for tag, value in record.metrics.items():
        if tag.startswith(BEST_TEST):
            last = LAST_TEST + tag.removeprefix(BEST_TEST)
            bests[last], steps[last] = value, record.best_step or record.step
    tags = [tag for tag in dict.fromkeys([*bests, *record.metrics]) if not tag.startswith(BEST_TEST)]
    if not tags:
        return []
    return [
        Column("metric", tags, worth=90),
        Column("last", [_cell(record.metrics, tag) for tag in tags], worth=80),
        Column("best", [_cell(bests, tag) for tag in tags], worth=85),
        Column("at step", [str(steps.get(tag, "")) for tag in tags], worth=70),
    ]


def _cell(values: Mapping[str, float], tag: str) -> str:
    return number(values[tag]) if tag in values else ""


def _config(folder: RunFolder) -> list[str]:
    try:
        return read_text(folder.config).splitlines()
    except (OSError, ValueError) as error:
        return [f"cannot be read: {reason(error)}"]


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each file and folder of the run with its size."""
    for path in sorted(folder.iterdir()):
        if not path.name.startswith("."):
            yield printable(path.name) + "/" * path.is_dir(), bytes_text(size_of(path))


def _next_commands(folder: RunFolder, record: RunRecord) -> Iterator[tuple[str, list[str]]]:
    status, name = record.true_status, str(folder)
    if status == RUNNING:
        yield "follow", ["logs", name, "-f"]
    elif status != FINISHED:
        yield "go on", ["resume", name]
    else:
        yield "longer", ["resume", name, "trainer.epochs=N"]
    yield "again", ["rerun", name]
    yield "log", ["logs", name]
    yield "board", ["board", name]
