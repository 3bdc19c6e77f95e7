"""Find the hyperparameters over which runs are averaged as over seeds: the folds of a cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from sweepboard.analysis.run import Run
from sweepboard.errors import UserError, did_you_mean

FOLD = "fold"
"""The last part of keys over which runs are averaged unasked: `dataset.fold`."""


def averaged_keys(runs: Sequence[Run], names: Sequence[str]) -> frozenset[str]:
    """Return the hyperparameters with these names (`dataset.fold`, `fold`, `*.fold`), and those of folds.

    Keys are among them that follow one: of the same last part and, in each run, the same value
    (`dataset.val.fold`). Raise `UserError` for a name that no run has.
    """
    keys = dict.fromkeys(key for run in runs for key in run.hparams)
    found = {key for key in keys if _last(key) == FOLD}
    for name in names:
        matches = {key for key in keys if key == name or _last(key) == name or fnmatchcase(key, name)}
        if not matches:
            raise UserError(f"--average {name}: no run has it{did_you_mean(name, keys)}")
        found |= matches
    return frozenset(key for key in keys if any(_follows(key, other, runs) for other in found))


def _follows(key: str, other: str, runs: Sequence[Run]) -> bool:
    same = (run.hparams.get(key) == run.hparams.get(other) for run in runs)
    return _last(key) == _last(other) and all(same)


def _last(key: str) -> str:
    return key.rpartition(".")[2]
