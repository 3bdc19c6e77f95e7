"""`sweepboard tag RUN [TAG...]`: give a run tags, by which `ls` and `compare` find it."""

from __future__ import annotations

from sweepboard.cli.chosen_run import RUN, chosen
from sweepboard.cli.verb_parser import VerbParser
from sweepboard.formatting import printable
from sweepboard.runs.annotate import annotated, check_tags

EXAMPLE = "sweepboard ls --where 'paper in tags' finds them"


def main(arguments: list[str]) -> int:
    """Add and remove tags, and print those that the run has."""
    made = VerbParser(prog="sweepboard tag", description=__doc__, epilog=EXAMPLE)
    made.add_argument("run", help=RUN)
    made.add_argument("tags", nargs="*", metavar="TAG", help="a word to add")
    made.add_argument("--remove", "-d", action="append", default=[], metavar="TAG", help="a tag to take away")
    options = made.parse_args(arguments)
    check_tags(options.tags)
    path = chosen(options.run)
    with annotated(path, write=bool(options.tags or options.remove)) as record:
        tags = dict.fromkeys([*record.tags, *options.tags])
        record.tags = [tag for tag in tags if tag not in options.remove]
    print(f"{printable(path)}: {', '.join(map(printable, record.tags)) or 'no tags'}")
    return 0
