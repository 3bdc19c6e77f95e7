"""`sweepboard verify RUN`: run it again into a scratch folder and compare every scalar and the weights."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from sweepboard.cli.chosen_run import chosen
from sweepboard.cli.run_options import config_dirs, parser
from sweepboard.cli.short_keys import with_whole_keys_of
from sweepboard.formatting import printable
from sweepboard.runs.rank_server import devices_in, rank_server
from sweepboard.runs.saved_run import read_run
from sweepboard.startup import tune_allocator

if TYPE_CHECKING:
    from sweepboard.runs.verify import Verdict


def main(arguments: list[str]) -> int:
    """Exit with 0 if the run repeats, else 1. `threads=4` verifies it with that setting."""
    made = parser("verify", __doc__, many=True)
    made.add_argument(
        "--tolerance", type=float, default=0.0, metavar="T",
        help="values agree within T relative to their size, for other machines (default: bit for bit)",
    )  # fmt: skip
    made.add_argument("--json", action="store_true", help="print the verdict as JSON")
    options = made.parse_intermixed_args(arguments)
    saved = read_run(chosen(options.run))
    overrides = with_whole_keys_of(saved, options.overrides)
    tune_allocator()
    with rank_server(devices_in(saved.config.values)):
        from sweepboard.runs.verify import verify

        if not options.json:
            print(f"running {printable(saved.folder)} again, in a scratch folder", flush=True)
        verdict = verify(saved, options.tolerance, overrides, options.allow, config_dirs(options))
    print(json.dumps(_plain(verdict), indent=2)) if options.json else print_verdict(verdict)
    return 0 if verdict.holds else 1


def print_verdict(verdict: Verdict) -> None:
    """Print `identical`, or the first difference in results and the differences in the environment."""
    if verdict.holds and verdict.same_weights and not verdict.mismatches:
        print(f"identical: {verdict.compared} values of scalars, and the final weights")
    elif verdict.holds and not verdict.saves and not verdict.mismatches:
        print(f"identical: {verdict.compared} values of scalars; no weights were saved")
    elif verdict.holds:
        print(f"equal within {verdict.tolerance:g}: {verdict.compared} values of scalars")
    elif verdict.mismatches:
        first, count = verdict.mismatches[0], len(verdict.mismatches)
        print(f"differs first in {printable(first)}; {count} values differ in all")
    else:
        print("the scalars are identical, the final weights are not")
    for difference in verdict.environment:
        print(f"{'differs' if difference.matters else 'also differs'}: {printable(difference)}")


def _plain(verdict: Verdict) -> dict[str, object]:
    first = verdict.mismatches[0] if verdict.mismatches else None
    return {
        "holds": verdict.holds,
        "compared": verdict.compared,
        "mismatches": len(verdict.mismatches),
        "first": asdict(first) if first else None,
        "same_weights": verdict.same_weights,
        "tolerance": verdict.tolerance,
        "environment": [asdict(difference) for difference in verdict.environment],
    }
