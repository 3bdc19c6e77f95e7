"""A search, against Optuna in a script."""

from __future__ import annotations

from benchmarks.bars import Bar, Round, between
from benchmarks.commands import module, sweepboard
from benchmarks.harness import Row
from benchmarks.rows.sweeps import LOCAL, NOOP

TRIALS = 40
SPACE = "optimizer.lr=tag(log, interval(1e-4, 1e-1))"

SEARCH = sweepboard(
    "sweepboard", "-m", "hydra/sweeper=optuna", f"hydra.sweeper.trials={TRIALS}", SPACE, *NOOP, *LOCAL
)
SCRIPT = module("Optuna script", "baselines.optuna_script", "--trials", str(TRIALS))


def overhead(given: Round) -> float:
    """What a trial takes longer than in the script, with the start of either command."""
    return (given[SEARCH.name]["wall"] - given[SCRIPT.name]["wall"]) / TRIALS


SEARCH_ROW = Row(  # ours: a process for each trial, and its whole record
    "search",
    f"search of {TRIALS} trials of one update, TPE",
    "Optuna script, all trials in one process",
    arms=(SEARCH, SCRIPT),
    bars=(Bar("more time per trial", overhead, most=0.15, unit=" s"),),
    tried="an absolute time, on a machine that was about 1.5 times as fast when this was 0.07 s (see jobs).",
    gates=(between("trials", TRIALS, TRIALS, SCRIPT), between("runs", TRIALS, TRIALS, SEARCH)),
)
