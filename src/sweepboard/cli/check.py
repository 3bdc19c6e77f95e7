"""`sweepboard check PATH...`: whether runs can be compared, and why not."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sweepboard.cli.chosen_run import chosen
from sweepboard.cli.verb_parser import VerbParser
from sweepboard.formatting import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweepboard.analysis.run import Run

DETAILS = """Compared are tags, what a step is, data and split, what is evaluated and how, length, seeds,
code and your own modules, changes accepted by resume, versions, precision, threads, device and processor.
Hyperparameters are what you compare over: they may differ.
"""


def main(arguments: list[str]) -> int:
    """Print what differs; exit code 0 if the runs are comparable, else 1."""
    options = _parser().parse_args(arguments)
    from sweepboard.analysis.check import check
    from sweepboard.analysis.compare import matching
    from sweepboard.analysis.load import read_runs
    from sweepboard.files import as_json

    runs = matching(read_runs([Path(chosen(path, sweeps=True)) for path in options.paths]), options.where)
    differences = check(runs)
    if options.json:
        print(as_json([vars(difference) for difference in differences]))
    else:
        for difference in differences:
            print(printable(f"{difference.kind}: {difference.what}"))
        verdict = "not comparable as they are" if differences else "comparable"
        print(printable(f"{_compared_over(runs)}: {verdict}"), file=sys.stderr)
    return 1 if differences else 0


def _parser() -> argparse.ArgumentParser:
    parser = VerbParser(prog="sweepboard check", description=__doc__, epilog=DETAILS)
    parser.add_argument(
        "paths", nargs="*", default=["outputs"], help="runs, or folders that hold runs (default: outputs)"
    )
    parser.add_argument(
        "--where", metavar="CONDITION", help="check the runs for which this holds, as in compare"
    )
    parser.add_argument("--json", action="store_true", help="print what differs as JSON")
    return parser


def _compared_over(runs: Sequence[Run]) -> str:
    """Return `8 runs over optimizer.lr`."""
    from sweepboard.analysis.differing_hparams import differing

    keys = differing([run.hparams for run in runs], {key for run in runs for key in run.asked})
    return f"{len(runs)} run{'s' if len(runs) > 1 else ''}" + (f" over {', '.join(keys)}" if keys else "")
