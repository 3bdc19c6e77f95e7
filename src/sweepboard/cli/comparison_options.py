"""The options that choose and order the runs of `compare` and of `report`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sweepboard.cli.chosen_run import chosen
from sweepboard.cli.verb_parser import VerbParser

if TYPE_CHECKING:
    from sweepboard.analysis.compare import Comparison


def parser(verb: str, description: str | None, examples: str) -> argparse.ArgumentParser:
    """Return the parser of a verb with the options that both have."""
    made = VerbParser(
        prog=f"sweepboard {verb}",
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("paths", nargs="*", default=["outputs"], help="runs, or folders that hold runs (default: outputs)")
    add("--where", metavar="CONDITION", help="keep the runs for which this holds")
    add("--sort", metavar="NAME", help="sort by this (default: the first metric shown, best first)")
    add("--reverse", action="store_true", help="sort the other way round")
    add(
        "--metric",
        metavar="TAG",
        action="append",
        default=[],
        help="show this metric; 'val/*' works, and again",
    )
    add(
        "--average",
        metavar="KEY",
        action="append",
        default=[],
        help="one row for runs that differ in it only, as for seeds and folds (dataset.fold); and again",
    )
    add("--runs", action="store_true", help="a row for every run, not one for all seeds of a config")
    return made


def compared(options: argparse.Namespace) -> tuple[Sequence[Path], Comparison]:
    """Return the folders that were asked for, and the comparison of their runs."""
    from sweepboard.analysis.compare import compare
    from sweepboard.analysis.load import read_runs

    paths = [Path(chosen(path, sweeps=True)) for path in options.paths]
    comparison = compare(
        read_runs(paths),
        where=options.where,
        sort=options.sort,
        reverse=options.reverse,
        metrics=options.metric,
        each=options.runs,
        average=options.average,
    )
    return paths, comparison
