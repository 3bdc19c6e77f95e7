"""`sweepboard gc [DIR]`: delete spare checkpoints, and runs that failed or saved nothing."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sweepboard.cli.confirm import add_yes, agreed
from sweepboard.cli.table import print_table
from sweepboard.cli.verb_parser import VerbParser
from sweepboard.errors import UserError
from sweepboard.formatting import bytes_text, printable
from sweepboard.runs.lock import FolderLocked, LinkInFolder
from sweepboard.runs.remove import Removal, unneeded

DETAILS = """Finished runs keep best.pt and lose their other checkpoints, so they can no longer be made
longer. Runs that failed, or were stopped before anything was saved, are deleted, unless they are jobs of a
sweep. Runs with a tag or a note are left alone. The command lists what it would delete, and asks.
"""


def main(arguments: list[str]) -> int:
    """List what would be freed, ask, and remove it; the exit code is 1 if the answer is no."""
    options = _parser().parse_args(arguments)
    root = Path(options.folder)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; give the folder that holds your runs (default: outputs)")
    both = options.checkpoints == options.failed
    found = list(unneeded(root, both or options.checkpoints, both or options.failed))
    if not found:
        print(f"nothing to free in {printable(root)}")
        return 0
    rows = [[bytes_text(each.size), each.why, str(each.folder)] for each in found]
    print_table(["frees", "what", "run"], rows)
    if not agreed(f"free {bytes_text(sum(each.size for each in found))}?", options):
        return 1
    freed = sum(_carried_out(each) for each in found)
    print(f"freed {bytes_text(freed)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = VerbParser(prog="sweepboard gc", description=__doc__, epilog=DETAILS)
    add = parser.add_argument
    add("folder", nargs="?", default="outputs", help="folder to look below (default: outputs)")
    add("--checkpoints", action="store_true", help="only checkpoints of finished runs")
    add("--failed", action="store_true", help="only runs that failed, or never saved anything")
    add_yes(parser)
    return parser


def _carried_out(removal: Removal) -> int:
    """Return the bytes that were freed: none of a run that someone writes to."""
    size = removal.size
    try:
        removal.carry_out()
    except (FolderLocked, LinkInFolder) as error:
        print(f"left as it is: {printable(error)}", file=sys.stderr)
        return 0
    return size
