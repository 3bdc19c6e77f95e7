"""The data of a report as plain values: the table, the curves, and what is recorded of each run.

Everything is bounded, since it may come from anyone's folders and is opened in a browser.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from sweepboard.analysis.compare import Comparison
from sweepboard.analysis.differing_hparams import short_names
from sweepboard.analysis.logged_numbers import all_as_logged
from sweepboard.analysis.metrics import Numbers, Spread
from sweepboard.analysis.query_names import PARTS
from sweepboard.analysis.report_records import recorded
from sweepboard.analysis.report_values import finite, plain, text
from sweepboard.analysis.run import Run
from sweepboard.analysis.table import Row
from sweepboard.formatting import as_logged

MOST_RUNS = 2000
MOST_TAGS = 80
MOST_POINTS = 1000
"""Points of a curve; of longer ones every k-th is kept, and the last."""

FEWEST_POINTS = 20
"""Points that each curve has room for, however many there are."""

ALL_POINTS = 400_000
"""Points of all curves together: about four megabytes."""


def report_data(comparison: Comparison) -> dict[str, Any]:
    """Return all that a report shows of a comparison, ready for JSON."""
    rows = bounded_rows(comparison.rows)
    runs = [run for row in rows for run in row.runs]
    tags = _tags(comparison, runs)
    steps_between = _thinning(runs, tags)
    names = short_names(comparison.keys)
    common, own = recorded(runs)
    return {
        "keys": [{"key": text(key), "name": text(names[key])} for key in comparison.keys],
        "tags": [_tag(comparison, tag) for tag in tags],
        "metrics": [text(tag) for tag in comparison.tags if tag in tags],
        "shown": [text(tag) for tag in comparison.shown if tag in tags],
        "rows": _rows(comparison, rows, tags),
        "runs": [_run(run, steps_between) for run in runs],
        "common": common,
        "own": own,
        "left_out": len(comparison.runs) - len(runs),
        "thinned": max(steps_between.values(), default=1),
    }


def bounded_rows(rows: Sequence[Row]) -> list[Row]:
    """Return the first rows, with at most `MOST_RUNS` runs in all."""
    kept: list[Row] = []
    room = MOST_RUNS
    for row in rows:
        if room <= 0:
            break
        kept.append(replace(row, runs=row.runs[:room]))
        room -= len(row.runs)
    return kept


def _tags(comparison: Comparison, runs: Sequence[Run]) -> list[str]:
    """Return the tags of all curves, metrics first: at most `MOST_TAGS`, and fewer of very many runs."""
    others = sorted({tag for run in runs for tag in run.curves})
    most = min(MOST_TAGS, ALL_POINTS // FEWEST_POINTS // max(1, len(runs)))
    return list(dict.fromkeys([*comparison.tags, *others]))[:most]


def _tag(comparison: Comparison, tag: str) -> dict[str, str]:
    mode = comparison.modes.get(tag, "unknown")
    return {"tag": text(tag), "name": text(comparison.titled(tag)), "mode": mode}


def _thinning(runs: Sequence[Run], tags: Sequence[str]) -> dict[str, int]:
    """Return for each tag that every k-th point is kept: the same in all runs, so that they share steps."""
    sizes = {tag: [len(run.curves[tag][0]) for run in runs if tag in run.curves] for tag in tags}
    curves = sum(map(len, sizes.values()))
    most = min(MOST_POINTS, max(FEWEST_POINTS, ALL_POINTS // max(1, curves)))
    return {tag: -(-max(each, default=1) // most) for tag, each in sizes.items()}


def _rows(comparison: Comparison, rows: Sequence[Row], tags: Sequence[str]) -> list[dict[str, Any]]:
    numbers = {id(run): number for number, run in enumerate(run for row in rows for run in row.runs)}
    return [
        {
            "label": text(label),
            "name": text(row.name),
            "status": row.status,
            "hparams": [plain(row.hparams.get(key)) for key in comparison.keys],
            "seconds": _spread(row.seconds),
            "metrics": {text(tag): _parts(row, tag) for tag in tags if tag in comparison.modes},
            "runs": [numbers[id(run)] for run in row.runs],
            "repeats": [numbers[id(repeat[0])] for repeat in row.repeats],
        }
        for row, label in zip(rows, comparison.labels, strict=False)  # rows may have been left out
    ]


def _parts(row: Row, tag: str) -> dict[str, Any] | None:
    found = {part: _spread(row.metric(tag, part)) for part in PARTS}
    return found if any(found.values()) else None


def _spread(value: Spread | None) -> list[float | None] | None:
    """Return mean, deviation and number of runs."""
    return None if value is None else [as_logged(value.mean), value.std, value.n]


def _run(run: Run, steps_between: Mapping[str, int]) -> dict[str, Any]:
    record = run.record
    return {
        "name": text(run.name),
        "path": text(run.path),
        "seed": run.seed,
        "status": text(run.status),
        "why": text(record.reason or "") if record else "",
        "damage": text(run.damage or ""),
        "seconds": run.seconds,
        "started": record.started if record else None,
        "step": record.step if record else None,
        "total_steps": record.total_steps if record else None,
        "epochs": record.epoch if record else None,
        "command": text(record.command) if record else "",
        "curves": _curves(run, steps_between),
        "best": {
            text(tag): [each.best, each.step] for tag, each in run.scores.items() if tag in steps_between
        },
    }


def _curves(run: Run, steps_between: Mapping[str, int]) -> dict[str, list[list[float | None]]]:
    """Return steps and values of the points of each curve that are kept."""
    tags = [tag for tag in steps_between if tag in run.curves]
    kept = [_kept(len(run.curves[tag][0]), steps_between[tag]) for tag in tags]
    values = [run.curves[tag][1][places] for tag, places in zip(tags, kept, strict=True)]
    numbers = _numbers(np.concatenate([np.empty(0), *values]))
    return {
        text(tag): [run.curves[tag][0][places].tolist(), list(islice(numbers, len(places)))]
        for tag, places in zip(tags, kept, strict=True)
    }


def _numbers(values: Numbers) -> Iterator[float | None]:
    logged = all_as_logged(values)
    numbers: list[float] = logged.tolist()
    return iter(numbers) if np.all(np.isfinite(logged)) else map(finite, numbers)


@lru_cache
def _kept(length: int, k: int) -> npt.NDArray[np.int64]:
    """Return the places of every k-th point, and of the last."""
    return np.union1d(np.arange(0, length, k), np.arange(max(0, length - 1), length))
