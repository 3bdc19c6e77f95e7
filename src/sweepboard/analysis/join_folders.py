"""Join runs that other tools spread over several folders."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sweepboard.analysis.run import Run
from sweepboard.metric_names import TEST, TRAINING, VALIDATION

log = logging.getLogger(__name__)

_UNCLEAN = re.compile(r"[^-/\w.]")
_PARTS = TRAINING | VALIDATION | TEST


def join_folders(runs: Sequence[Run]) -> list[Run]:
    """Return the runs, each joined with the folders that its `SummaryWriter` made below it.

    `add_scalars` makes a folder for each curve, `add_hparams` one for hyperparameters and results. Keras and
    many programs write training and validation into neighbouring folders `train` and `validation`.
    """
    by_path = _with_parts_joined(runs)
    rows_below = Counter(above for run in by_path.values() if run.hparams for above in run.path.parents)
    others = [run for run in runs if not run.record]
    for run in sorted(others, key=lambda run: len(run.path.parts), reverse=True):
        above = _above(run.path, by_path)
        if above is None or above.record:
            continue
        if curve := _curve_of_add_scalars(run, above):
            tag, key = curve
            by_path[above.path] = replace(above, curves=above.curves | {f"{tag}/{key}": run.curves[tag]})
            del by_path[run.path]
        elif _is_of_add_hparams(run) and not above.hparams and rows_below[above.path] == 1:
            by_path[above.path] = _joined(above, by_path.pop(run.path))
    return _with_resumed_joined(list(by_path.values()))


def _with_resumed_joined(runs: Sequence[Run]) -> list[Run]:
    """Return the runs, joining each run with one in a neighbouring folder that continues it.

    transformers and Lightning write into a new folder (`version_1`) after a resume. Without this, the pair
    would count as two repeats.
    """
    last: dict[tuple[Path, str, int | None], Run] = {}
    joined = {run.path: run for run in runs if run.record}  # ours go on in their own folders
    for run in sorted((run for run in runs if not run.record), key=_first_step):
        key = run.path.parent, run.group, run.seed
        before = last.get(key)
        if before and run.hparams and _goes_on(before, run):
            log.warning("%s goes on where %s ended: compared as one run", run.name, before.name)
            del joined[before.path]
            run = _chained(before, run)
        last[key] = joined[run.path] = run
    return sorted(joined.values(), key=lambda run: run.path)


def _first_step(run: Run) -> int:
    return min((int(steps[0]) for steps, _ in run.curves.values()), default=0)


def _goes_on(before: Run, run: Run) -> bool:
    """Return whether every common curve continues after the end of the first run."""
    common = before.curves.keys() & run.curves.keys()
    return bool(common) and all(run.curves[tag][0][0] > before.curves[tag][0][-1] for tag in common)


def _chained(before: Run, run: Run) -> Run:
    parts = {tag: [each.curves[tag] for each in (before, run) if tag in each.curves] for tag in before.curves}
    curves = {
        tag: (np.concatenate([steps for steps, _ in each]), np.concatenate([values for _, values in each]))
        for tag, each in parts.items()
    }
    return replace(run, curves=run.curves | curves, seconds=(before.seconds or 0) + (run.seconds or 0))


def _above(path: Path, runs: Mapping[Path, Run]) -> Run | None:
    return next((runs[parent] for parent in path.parents if parent in runs), None)


def _curve_of_add_scalars(run: Run, above: Run) -> tuple[str, str] | None:
    """Return tag and key of the only curve if the folder is named for both, as `loss_train` for `loss`.

    A key such as `val/cats` makes nested folders; tensorboardX writes the tag `my loss` as `my_loss`.
    """
    if len(run.curves) != 1 or run.hparams:
        return None
    [tag] = run.curves
    start, folder = f"{tag.replace('/', '_')}_", run.path.relative_to(above.path).as_posix()
    belongs = _UNCLEAN.sub("_", folder).startswith(_UNCLEAN.sub("_", start))
    return (tag, folder[len(start) :]) if belongs else None


def _with_parts_joined(runs: Sequence[Run]) -> dict[Path, Run]:
    """Return the runs by folder; folders named for a part of the data are joined into the run above."""
    joined = {run.path: run for run in runs}
    for above, parts in _parts(runs).items():
        whole = joined.get(above)
        if len(parts) < 2 if whole is None else whole.record:
            continue
        for part in parts:
            del joined[part.path]
        joined[above] = _whole(above, ([whole] if whole else []), parts)
    return joined


def _parts(runs: Sequence[Run]) -> dict[Path, list[Run]]:
    """Return, by parent folder, the runs in `train`, `validation`, … without hyperparameters or run.json."""
    found: dict[Path, list[Run]] = {}
    for run in runs:
        if run.path.name.lower() in _PARTS and run.curves and not run.hparams and not run.record:
            found.setdefault(run.path.parent, []).append(run)
    return found


def _whole(path: Path, above: Sequence[Run], parts: Sequence[Run]) -> Run:
    """Return one run made of its parts; tags start with the part: `validation/epoch_loss`."""
    first = (above or parts)[0]
    curves = {_tag(part.path.name, tag): points for part in parts for tag, points in part.curves.items()}
    return replace(
        first,
        path=path,
        name=first.name if above else _name_above(first),
        seconds=max((run.seconds for run in (*above, *parts) if run.seconds is not None), default=None),
        curves={tag: points for run in above for tag, points in run.curves.items()} | curves,
    )


def _name_above(run: Run) -> str:
    return run.name.rpartition("/")[0] or run.path.parent.name


def _tag(part: str, tag: str) -> str:
    return tag if tag.partition("/")[0] == part else f"{part}/{tag}"


def _is_of_add_hparams(run: Run) -> bool:
    return bool(run.hparams) and all(len(steps) == 1 for steps, _ in run.curves.values())


def _joined(run: Run, below: Run) -> Run:
    return replace(
        run, hparams=below.hparams, seed=below.seed, status=below.status, curves=below.curves | run.curves
    )
