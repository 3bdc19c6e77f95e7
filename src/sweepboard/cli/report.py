"""`sweepboard report PATH...`: one HTML file with table, curves and all that is recorded of the runs."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

from sweepboard.cli.comparison_options import compared, parser
from sweepboard.errors import UserError
from sweepboard.files import open_regular, write_atomic, writing
from sweepboard.formatting import printable

EXAMPLES = """examples:
  sweepboard report outputs/sweeps/lr
  sweepboard report outputs --where 'optimizer.lr < 0.1' --output lr.html

The file needs no network and no other file: send it by mail, open it in any browser.
"""


def main(arguments: list[str]) -> int:
    """Write the file, by default into the working directory and named after the folder."""
    options = _parser().parse_args(arguments)
    if options.output and Path(options.output).is_dir():
        raise UserError(
            f"--output {options.output} is a folder; give a file, as {options.output}/report.html"
        )
    from sweepboard.analysis.report import report
    from sweepboard.search.importances import importances

    paths, comparison = compared(options)
    output = Path(options.output) if options.output else _unasked(paths[0])
    title = ", ".join(map(str, paths))
    command = shlex.join(["sweepboard", "report", *arguments])
    page = report(comparison, printable(title), command, importances(paths))
    with writing(output):
        write_atomic(output, page)
    count = len(comparison.runs)
    print(f"{printable(output)}: {count} run{'s' if count > 1 else ''}, {len(page) / 1e6:.1f} MB")
    return 0


def _unasked(folder: Path) -> Path:
    """Return the default file. Raise `UserError` if it is there and is no report."""
    path = Path(f"{folder.resolve().name or 'report'}.html")
    if path.exists() and not _is_report(path):
        raise UserError(f"{path} is there and is no report; name another file with --output")
    return path


def _is_report(path: Path) -> bool:
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            return b'content="sweepboard report"' in file.read(1000)
    except OSError:
        return False


def _parser() -> argparse.ArgumentParser:
    made = parser("report", __doc__, EXAMPLES)
    made.add_argument("--output", metavar="FILE", help="file to write (default: <folder's name>.html)")
    return made
