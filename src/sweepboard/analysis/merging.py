"""Runs of other tools that lie in several folders, brought together, and seeds that only a name tells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweepboard.analysis.gather import Run

_SEED = re.compile(
    r"(?:(?<=[^a-z0-9])|^)(?:random_?)?seed[-=_]?(\d+)(?![.\d])|(?<=__)(\d+)__\d{9,}(?=$|/)", re.IGNORECASE
)
"""`lr=0.1,seed=3`, and CleanRL's `environment__program__seed__time`."""


def merged(runs: Sequence[Run]) -> list[Run]:
    """The runs, with what `SummaryWriter` wrote into folders below them joined to them.

    `add_scalars` makes a folder for each curve, `add_hparams` one for the hyperparameters and the results.
    """
    by_path = {run.path: run for run in runs}
    for run in sorted(runs, key=lambda run: len(run.path.parts), reverse=True):
        above = _above(run.path, by_path)
        if above is None or run.record or above.record:
            continue
        if curve := _curve_of_add_scalars(run):
            tag, key = curve
            by_path[above.path] = replace(above, curves=above.curves | {f"{tag}/{key}": run.curves[tag]})
            del by_path[run.path]
        elif _is_of_add_hparams(run) and not above.hparams and _is_alone(run, above, by_path):
            by_path[above.path] = _joined(above, by_path.pop(run.path))
    return list(by_path.values())


def _above(path: Path, runs: Mapping[Path, Run]) -> Run | None:
    return next((runs[parent] for parent in path.parents if parent in runs), None)


def _curve_of_add_scalars(run: Run) -> tuple[str, str] | None:
    """The tag and the key of the one curve in a folder called by both, as in `loss_train` of `loss`."""
    if len(run.curves) != 1 or run.hparams:
        return None
    [tag] = run.curves
    start = f"{tag.replace('/', '_')}_"
    return (tag, run.path.name.removeprefix(start)) if run.path.name.startswith(start) else None


def _is_of_add_hparams(run: Run) -> bool:
    return bool(run.hparams) and all(len(steps) == 1 for steps, _ in run.curves.values())


def _is_alone(run: Run, above: Run, runs: Mapping[Path, Run]) -> bool:
    """Whether no other folder there tells hyperparameters: then it would not be known which are the run's."""
    return not any(
        other.hparams and other is not run and above.path in other.path.parents for other in runs.values()
    )


def _joined(run: Run, below: Run) -> Run:
    return replace(
        run, hparams=below.hparams, seed=below.seed, status=below.status, curves=below.curves | run.curves
    )


def seed_in(name: str) -> int | None:
    """The seed that a run's name tells, if it does."""
    found = _SEED.search(name)
    return int(found.group(1) or found.group(2)) if found else None


def without_seed(name: str) -> str:
    """The name without its seed: what it has in common with its repeats."""
    return _SEED.sub("*", name)
