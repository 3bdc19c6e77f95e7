"""`sweepboard note RUN [TEXT]`: write down what a run was for."""

from __future__ import annotations

from sweepboard.cli.chosen_run import RUN, chosen
from sweepboard.cli.verb_parser import VerbParser
from sweepboard.formatting import printable
from sweepboard.runs.annotate import annotated


def main(arguments: list[str]) -> int:
    """Replace the note, or print the one that the run has."""
    made = VerbParser(prog="sweepboard note", description=__doc__)
    made.add_argument("run", help=RUN)
    made.add_argument("text", nargs="*", metavar="TEXT", help="the note; '' takes it away")
    options = made.parse_args(arguments)
    path = chosen(options.run)
    with annotated(path, write=bool(options.text)) as record:
        if options.text:
            record.note = " ".join(options.text).strip()
    print(f"{printable(path)}: {printable(record.note) or 'no note'}")
    return 0
