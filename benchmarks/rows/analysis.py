"""A thousand runs: the verbs that read them all, against loading their event files."""

from __future__ import annotations

from pathlib import Path

from benchmarks.arms import Arm
from benchmarks.bars import Bar, between, faster, quantity
from benchmarks.commands import SWEEPBOARD, module
from benchmarks.harness import Row
from benchmarks.process import Sample
from benchmarks.programs import many_runs
from benchmarks.programs.many_runs import RATES, SEEDS

ROOT = str(many_runs.root())
NEW_CACHE = ("env", "XDG_CACHE_HOME=cache")


def _rows(folder: Path) -> Sample:
    """The rows of the table that a command printed, without its header."""
    return {"rows": float(len((folder / "output.txt").read_text().splitlines()) - 1)}


FIRST = Arm("ls, first time", ((*NEW_CACHE, SWEEPBOARD, "ls", ROOT),), read=_rows)
AGAIN = Arm("ls, again", ((SWEEPBOARD, "ls", ROOT),), read=_rows)
TABLE = Arm("compare, first time", ((*NEW_CACHE, SWEEPBOARD, "compare", ROOT),))
COMPARE = Arm("compare", ((SWEEPBOARD, "compare", ROOT),))
CHECK = Arm("check", ((SWEEPBOARD, "check", ROOT),))
REPORT = Arm("report", ((SWEEPBOARD, "report", ROOT),))
OURS = (FIRST, AGAIN, TABLE, COMPARE, CHECK, REPORT)
EVENTS = module("EventAccumulator", "programs.many_runs")

MANY_RUNS_ROW = Row(
    "many-runs",
    "1,000 runs of 100 updates: ls, compare, check, report",
    "a table made with EventAccumulator",
    arms=(*OURS, EVENTS),
    bars=(
        *(faster(ours, EVENTS, 15.0) for ours in OURS),
        Bar("ls again", quantity("wall", AGAIN), most=0.5, unit=" s"),
    ),
    gates=(between("rows", RATES * SEEDS, RATES * SEEDS, FIRST, AGAIN, EVENTS),),
    rounds=3,
    tried=(
        "after the first time what is read of runs comes from an index. By the profile of compare (600 "
        "runs), 0.18 s are imports, a third of it NumPy's, 0.03 s the end of the process, and 0.5 ms go to "
        "each run: 0.2 ms to its entry of the index (JSON, curves, the state of its files), 0.1 ms to its "
        "hyperparameters, 0.06 ms to its scores, 0.04 ms to its folder; scores in the index and curves in a "
        "second file, not done, would save a sixth by these figures. check reads the environment of each "
        "run besides; the first table opens five files of each run and checks what it reads; in a report "
        "0.4 ms of each run are the text of its numbers"
    ),
    prepare=(many_runs.make,),
)
