"""`python -m benchmarks [ROW ...]`: measure rows (all of them where none is named) and show the table.

With `--save` the results go into benchmarks/results.json, benchmarks/RESULTS.md and the README, row by row,
so that what was measured is kept when a later row fails or is stopped.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

from benchmarks import report
from benchmarks.harness import measure
from benchmarks.machine import describe
from benchmarks.rows import ROWS


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0 when everything ran and every gate held, whether or not every bar was reached; else 1."""
    args = _arguments(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if args.list:
        print("\n".join(f"{row.name:16} {row.work} | against {row.against}" for row in ROWS.values()))
        return 0
    chosen = [ROWS[name] for name in args.rows or ROWS]
    machine, broken = describe(), False
    for outcomes in measure(chosen, args.rounds):
        print(report.as_text(outcomes), flush=True)
        broken |= any(outcome.broken for outcome in outcomes)
        if args.save:
            fresh = {outcome.row: report.record(outcome, machine) for outcome in outcomes}
            report.save(report.load() | fresh, list(ROWS))
            report.README.write_text(report.quote(report.load(), report.README.read_text()))
    return int(broken)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="names of rows; --list shows them")
    parser.add_argument("--rounds", type=int, help="instead of each row's own number of rounds")
    parser.add_argument("--save", action="store_true", help="keep the results in the repository")
    parser.add_argument("--list", action="store_true", help="show the rows and stop")
    args = parser.parse_args(argv)
    unknown = [name for name in args.rows if name not in ROWS]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return args


if __name__ == "__main__":
    sys.exit(main())
