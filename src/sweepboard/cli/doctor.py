"""`sweepboard doctor LOGDIR`: the faults of a log directory, and their remedies."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sweepboard.cli.chosen_run import chosen
from sweepboard.cli.verb_parser import VerbParser
from sweepboard.formatting import printable

if TYPE_CHECKING:
    from sweepboard.analysis.run_checks import Fault

DETAILS = """It reads any TensorBoard log directory, not only those of sweepboard, and changes nothing. It
looks for two writers in one run, steps that go back or come twice, points without steps, torn, damaged and
empty files, runs without an end, links and copies that double a run, and hparams whose types or hidden
columns spoil the table.
"""


def main(arguments: list[str]) -> int:
    """Print the faults; exit code 0 if there are none, else 1."""
    options = _parser().parse_args(arguments)
    from sweepboard.analysis.doctor import examine
    from sweepboard.files import as_json

    runs, faults = examine(Path(chosen(options.folder, sweeps=True)))
    if options.json:
        print(as_json([vars(fault) for fault in faults]))
    else:
        _print(faults)
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}" if faults else "nothing wrong"
        print(f"{runs} run{'s' if runs > 1 else ''}, {count}", file=sys.stderr)
    return 1 if faults else 0


def _parser() -> argparse.ArgumentParser:
    parser = VerbParser(prog="sweepboard doctor", description=__doc__, epilog=DETAILS)
    parser.add_argument("folder", nargs="?", default="outputs", help="log directory (default: outputs)")
    parser.add_argument("--json", action="store_true", help="print the faults as JSON")
    return parser


def _print(faults: list[Fault]) -> None:
    for fault in faults:
        print(printable(f"{fault.kind}: {fault.where}: {fault.what}"))
        print(printable(f"    remedy: {fault.remedy}"))
