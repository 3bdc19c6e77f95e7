"""`sweepboard diff RUN RUN`: the differences in configuration, code, packages and final metrics."""

from __future__ import annotations

import json

from sweepboard.cli.chosen_run import RUN, chosen
from sweepboard.cli.table import print_table
from sweepboard.cli.verb_parser import VerbParser
from sweepboard.formatting import number, printable, yaml_text
from sweepboard.metric_names import column_of
from sweepboard.runs.alteration import warn_of_alteration
from sweepboard.runs.differences import Difference, between_configs, between_environments
from sweepboard.runs.saved_run import SavedRun, read_run


def main(arguments: list[str]) -> int:
    """Print the differences; the exit code is 0 with or without any."""
    made = VerbParser(prog="sweepboard diff", description=__doc__)
    made.add_argument("first", help=RUN)
    made.add_argument("second", help="the other run")
    made.add_argument("--json", action="store_true", help="print the differences as JSON")
    options = made.parse_args(arguments)
    first, second = read_run(chosen(options.first)), read_run(chosen(options.second))
    for saved in (first, second):
        warn_of_alteration(saved)
    found = differences(first, second)
    if options.json:
        print(json.dumps([_plain(difference) for difference in found], indent=2))
    elif found:
        print(f"first:  {printable(first.folder)}\nsecond: {printable(second.folder)}\n")
        rows = [[item.key, _text(item.then), _text(item.now)] for item in found]
        print_table(["", "first", "second"], rows)
    else:
        print("no difference")
    return 0


def differences(first: SavedRun, second: SavedRun) -> list[Difference]:
    """Return differences in settings, environment, results, and changes accepted by a resume."""
    return [
        *between_configs(first.config.values, second.config.values),
        *between_environments(first.environment, second.environment),
        *between_configs(_results(first), _results(second)),
    ]


def _results(run: SavedRun) -> dict[str, object]:
    record = run.record
    best = {column_of(name): value for name, value in record.best.items()}
    fields = {"status": record.true_status, "step": record.step, "data": record.data_fingerprint[:12]}
    changes = {f"resumed.{number}": change for number, change in enumerate(record.accepted_changes, 1)}
    return {**fields, **changes, **record.metrics, **best}


def _text(value: object) -> str:
    return number(value) if isinstance(value, float) else yaml_text(value, longest=10_000)


def _plain(difference: Difference) -> dict[str, object]:
    return {"key": difference.key, "first": difference.then, "second": difference.now}
