"""`sweepboard rerun RUN [overrides]`: a new run from a saved configuration."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sweepboard.cli.chosen_run import chosen
from sweepboard.cli.run_options import config_dirs, parser
from sweepboard.cli.short_keys import with_whole_keys_of
from sweepboard.cli.summary import print_summary
from sweepboard.formatting import printable
from sweepboard.names import label
from sweepboard.runs.differences import Difference
from sweepboard.runs.folder import claim
from sweepboard.runs.rank_server import devices_in, rank_server
from sweepboard.runs.saved_run import SavedRun, read_run
from sweepboard.startup import settle, tune_allocator


def main(arguments: list[str]) -> int:
    """Rerun a run, after printing what differs from the original."""
    options = parser("rerun", __doc__, many=True).parse_intermixed_args(arguments)
    saved = read_run(chosen(options.run))
    with rank_server(devices_in(saved.config.values)):
        return _rerun(saved, options, shlex.join(["sweepboard", "rerun", *arguments]))


def _rerun(saved: SavedRun, options: argparse.Namespace, command: str) -> int:
    overrides = with_whole_keys_of(saved, options.overrides)
    tune_allocator()
    from sweepboard.cli.after_stop import telling_how_to_go_on
    from sweepboard.cli.run_display import run_display
    from sweepboard.runs.execute import execute, new_record
    from sweepboard.runs.lock import claimed
    from sweepboard.runs.provenance import environment
    from sweepboard.runs.reload import prepare_saved
    from sweepboard.runs.rerun import DataCheck, differences, expectation, unknown
    from sweepboard.secrets import overrides_for_names

    prepared = prepare_saved(saved, overrides, options.allow, config_dirs(options))
    config = prepared.config
    now = environment(Path.cwd(), config.training)
    found = differences(saved, prepared, now)
    print_differences(found)
    print(printable(expectation(found, unknown(saved, now))))
    record = new_record(prepared, command, parent=str(saved.folder.path.resolve()))
    record.number = saved.record.number
    settle()
    name = label(overrides_for_names(config.values, config.overrides))
    new = claim(Path(config.values["output_root"]), name, datetime.now())
    with claimed(new.path) as folder, run_display(bar=not saved.config.program) as display:
        print(f"run folder: {printable(folder)}", flush=True)
        check = DataCheck(saved, lambda found: print_differences([found]))
        with telling_how_to_go_on(folder):
            placed = prepared.placed(folder.path, record.number)
            execute(placed, folder, record, {"data check": check, **display})
    print_summary(record, folder)
    return 0


def print_differences(found: Sequence[Difference], limit: int = 20) -> None:
    """Print a line for each difference, those that affect results first."""
    for difference in found[:limit]:
        print(f"differs: {printable(difference)}")
    if len(found) > limit:
        print(f"differs: {len(found) - limit} more; `sweepboard diff` lists them all between two runs")
