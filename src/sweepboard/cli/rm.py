"""`sweepboard rm RUN...`: remove runs or sweeps."""

from __future__ import annotations

from pathlib import Path

from sweepboard.cli.chosen_run import RUN, chosen
from sweepboard.cli.confirm import add_yes, agreed
from sweepboard.cli.verb_parser import VerbParser
from sweepboard.formatting import bytes_text, printable
from sweepboard.runs.remove import removed, whole


def main(arguments: list[str]) -> int:
    """Say what would be removed, ask, and remove it; the exit code is 1 if the answer is no."""
    made = VerbParser(prog="sweepboard rm", description=__doc__)
    made.add_argument("runs", nargs="+", metavar="RUN", help=f"{RUN}; or the folder of a sweep")
    add_yes(made)
    options = made.parse_args(arguments)
    found = list({path: whole(path) for path in (Path(chosen(text)) for text in options.runs)}.values())
    for each in found:
        print(f"{printable(each.folder)}  {bytes_text(each.size)}")
    size = bytes_text(sum(each.size for each in found))
    if not agreed(f"remove {len(found)} of these folders, {size}?", options):
        return 1
    for each in found:
        removed(each)
        print(f"removed {printable(each.folder)}")
    return 0
