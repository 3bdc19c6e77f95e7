"""`sweepboard test RUN [dataset=...]`: evaluate a run's model on its test set or on other data."""

from __future__ import annotations

import json
import sys

from sweepboard.cli.chosen_run import chosen
from sweepboard.cli.run_options import config_dirs, parser
from sweepboard.cli.short_keys import with_whole_keys_of
from sweepboard.cli.table import print_table
from sweepboard.files import NotWritable
from sweepboard.formatting import number, printable
from sweepboard.runs.saved_run import read_run
from sweepboard.startup import tune_allocator


def main(arguments: list[str]) -> int:
    """Print the metrics and add them to the run's record and event files."""
    made = parser("test", __doc__, many=True)
    made.add_argument("--checkpoint", choices=["best", "last"], default="best")
    made.add_argument("--json", action="store_true", help="print the result as JSON")
    options = made.parse_intermixed_args(arguments)
    saved = read_run(chosen(options.run))
    overrides = with_whole_keys_of(saved, options.overrides)
    tune_allocator()
    from sweepboard.runs.evaluate import enter, measure, prepare_test
    from sweepboard.runs.lock import FolderLocked

    prepared = prepare_test(saved, overrides, options.allow, config_dirs(options))
    measured = measure(saved, prepared, options.checkpoint)
    if options.json:
        print(json.dumps({"step": measured.step, **measured.tagged}))
    else:
        weights = f"{options.checkpoint} weights, step {measured.step}"
        print_table([weights, ""], [[tag, number(value)] for tag, value in measured.tagged.items()])
    try:
        enter(saved, measured)
    except (NotWritable, FolderLocked) as error:
        print(f"warning: not entered: {printable(error)}", file=sys.stderr)
    return 0
