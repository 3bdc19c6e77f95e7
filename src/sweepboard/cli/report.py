"""`sweepboard report PATH...`: one HTML file with table, curves and all that is recorded of the runs."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from sweepboard.cli.chosen_run import chosen
from sweepboard.errors import UserError
from sweepboard.files import write_atomic, writing
from sweepboard.formatting import printable

EXAMPLES = """examples:
  sweepboard report outputs/sweeps/lr
  sweepboard report outputs --where 'optimizer.lr < 0.1' --output lr.html

The file needs no network and no other file: send it by mail, open it in any browser.
"""


def main(arguments: list[str]) -> int:
    """Write the file, by default into the working directory and named after the folder."""
    options = _parser().parse_args(arguments)
    paths = [Path(chosen(path, sweeps=True)) for path in options.paths]
    output = Path(options.output or f"{paths[0].resolve().name}.html")
    if output.is_dir():
        raise UserError(f"--output {output} is a folder; give the name of a file, as {output}/report.html")
    from sweepboard.analysis.compare import compare
    from sweepboard.analysis.load import read_runs
    from sweepboard.analysis.report import report
    from sweepboard.search.importances import importances

    runs = read_runs(paths)
    comparison = compare(runs, options.where, options.sort, metrics=options.metric, each=options.runs)
    title = ", ".join(map(str, paths))
    command = shlex.join(["sweepboard", "report", *arguments])
    page = report(comparison, printable(title), command, importances(paths))
    with writing(output):
        write_atomic(output, page)
    count = len(comparison.runs)
    print(f"{printable(output)}: {count} run{'s' if count > 1 else ''}, {len(page) / 1e6:.1f} MB")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sweepboard report",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("paths", nargs="*", default=["outputs"], help="runs, or folders that hold runs (default: outputs)")
    add("--output", metavar="FILE", help="file to write (default: <folder's name>.html)")
    add("--where", metavar="CONDITION", help="keep the runs for which this holds, as in compare")
    add("--sort", metavar="NAME", help="sort by this (default: the first metric shown, best first)")
    shown = "metrics of the table and the first curves; 'val/*' works, and again"
    add("--metric", metavar="TAG", action="append", default=[], help=shown)
    add("--runs", action="store_true", help="a row for every run, not one for all seeds of a config")
    return parser
