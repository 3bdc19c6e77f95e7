"""`sweepboard resume RUN_OR_SWEEP`: continue in the same folder, to the same end."""

from __future__ import annotations

import argparse
from pathlib import Path

from sweepboard.cli.chosen_run import chosen
from sweepboard.cli.run_options import config_dirs, parser
from sweepboard.cli.short_keys import with_whole_keys_of
from sweepboard.cli.summary import print_summary
from sweepboard.cli.sweep import go_on_with_sweep
from sweepboard.errors import UserError
from sweepboard.formatting import printable
from sweepboard.runs.rank_server import devices_in, rank_server
from sweepboard.runs.saved_run import SavedRun, read_run
from sweepboard.startup import settle, tune_allocator
from sweepboard.sweeps.folder import SweepFolder


def main(arguments: list[str]) -> int:
    """Resume a run; for a finished one, print so and do nothing. `trainer.epochs=20` makes it longer.

    Of a sweep, missing jobs are run; overrides add points to it.
    """
    made = parser("resume", __doc__, many=True)
    made.add_argument("--failed", action="store_true", help="of a sweep: try its failed jobs again, too")
    made.add_argument(
        "--accept-changes", action="store_true",
        help="go on though the data or your own code are no longer those it was trained with",
    )  # fmt: skip
    options = made.parse_intermixed_args(arguments)
    options.run = chosen(options.run, sweeps=True)
    if SweepFolder(Path(options.run)).plan.is_file():
        return go_on_with_sweep(options)
    if SweepFolder(Path(options.run)).composed.is_file():
        raise UserError(
            f"{options.run} has lost its sweep.json: type the command again that started the sweep, with "
            f"hydra.sweep.dir={options.run}; its jobs are gone on with"
        )
    saved = read_run(options.run)
    with rank_server(devices_in(saved.config.values)):
        return _go_on(saved, options)


def _go_on(saved: SavedRun, options: argparse.Namespace) -> int:
    overrides = with_whole_keys_of(saved, options.overrides)
    tune_allocator()
    from sweepboard.cli.after_stop import telling_how_to_go_on
    from sweepboard.cli.run_display import run_display
    from sweepboard.runs.record import read_record
    from sweepboard.runs.resume import prepare_resume, resume, why_complete

    folders = config_dirs(options)
    prepared = prepare_resume(saved, overrides, options.allow, options.accept_changes, folders)
    if complete := why_complete(saved, prepared):
        print(printable(f"{saved.folder} {complete}"))
        return 0
    settle()
    with telling_how_to_go_on(saved.folder), run_display(bar=not saved.config.program) as display:
        resume(saved, prepared, display, options.accept_changes)
    print_summary(read_record(saved.folder), saved.folder)
    return 0
