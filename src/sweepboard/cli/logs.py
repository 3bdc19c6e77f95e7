"""`sweepboard logs RUN [-f]`: what a run has printed, and with -f what it prints."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress

from sweepboard.cli.chosen_run import RUN, chosen
from sweepboard.cli.verb_parser import VerbParser
from sweepboard.errors import UserError, reason
from sweepboard.files import open_regular
from sweepboard.formatting import printable
from sweepboard.runs.folder import RunFolder, open_run
from sweepboard.runs.record import RUNNING, DamagedRecord, read_record

PAUSE = 0.3
"""Seconds between two looks at a file that grows."""


def main(arguments: list[str]) -> int:
    """Print train.log; with `-f` until the run has ended, or Ctrl-C."""
    made = VerbParser(prog="sweepboard logs", description=__doc__)
    made.add_argument("run", help=RUN)
    made.add_argument("--follow", "-f", action="store_true", help="go on as long as the run goes on")
    options = made.parse_args(arguments)
    folder = open_run(chosen(options.run))
    with suppress(KeyboardInterrupt):  # the usual way to leave a log that is followed
        for line in _lines(folder, options.follow):
            print(printable(line, keep="\t"), flush=options.follow)
    return 0


def _lines(folder: RunFolder, follow: bool) -> Iterator[str]:
    """Yield the lines of train.log, and with `follow` those to come until the run has ended."""
    try:
        handle = open_regular(folder.log)
    except OSError as error:
        raise UserError(f"{folder.log}: {reason(error)}: there is nothing to show yet") from error
    with os.fdopen(handle, encoding="utf-8", errors="backslashreplace") as file:
        begun = ""
        while True:
            goes_on = follow and _goes_on(folder)  # asked before reading: the last lines come before the end
            while piece := file.readline():
                begun += piece
                if piece.endswith("\n"):
                    yield begun.removesuffix("\n")
                    begun = ""
            if not goes_on:
                break
            time.sleep(PAUSE)
        if begun:
            yield begun


def _goes_on(folder: RunFolder) -> bool:
    try:
        return read_record(folder).true_status == RUNNING
    except DamagedRecord:
        return False
