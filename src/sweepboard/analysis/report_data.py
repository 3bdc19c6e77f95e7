"""The data of a report as plain values: the table, the curves, and what is recorded of each run.

Everything is bounded, since it may come from anyone's folders and is opened in a browser.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sweepboard.analysis.compare import Comparison
from sweepboard.analysis.differing_hparams import short_names
from sweepboard.analysis.metrics import Spread
from sweepboard.analysis.query_names import PARTS
from sweepboard.analysis.run import Run
from sweepboard.analysis.table import Row
from sweepboard.formatting import as_logged
from sweepboard.names import flatten
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.saved_run import read_environment
from sweepboard.secrets import masked

MOST_RUNS = 2000
MOST_TAGS = 80
MOST_POINTS = 1000
"""Points of a curve; of longer ones every k-th is kept, and the last."""

FEWEST_POINTS = 20
"""Points that each curve has room for, however many there are."""

ALL_POINTS = 400_000
"""Points of all curves together: about four megabytes."""

MOST_TEXT = 2000
"""Characters of a text, for example of a command."""


def report_data(comparison: Comparison) -> dict[str, Any]:
    """Return all that a report shows of a comparison, ready for JSON."""
    rows = bounded_rows(comparison.rows)
    runs = [run for row in rows for run in row.runs]
    tags = _tags(comparison, runs)
    steps_between = _thinning(runs, tags)
    recorded = [_recorded(run) for run in runs]
    names, common = short_names(comparison.keys), _common(recorded)
    return {
        "keys": [{"key": _text(key), "name": _text(names[key])} for key in comparison.keys],
        "tags": [_tag(comparison, tag) for tag in tags],
        "metrics": [_text(tag) for tag in comparison.tags if tag in tags],
        "shown": [_text(tag) for tag in comparison.shown if tag in tags],
        "rows": _rows(comparison, rows, tags),
        "runs": [_run(run, steps_between) for run in runs],
        "common": common,
        "own": [_own(each, common) for each in recorded],
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
    return {"tag": _text(tag), "name": _text(comparison.titled(tag)), "mode": mode}


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
            "label": _text(label),
            "name": _text(row.name),
            "status": row.status,
            "hparams": [_plain(row.hparams.get(key)) for key in comparison.keys],
            "seconds": _spread(row.seconds),
            "metrics": {_text(tag): _parts(row, tag) for tag in tags if tag in comparison.modes},
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
        "name": _text(run.name),
        "path": _text(run.path),
        "seed": run.seed,
        "status": _text(run.status),
        "why": _text(record.reason or "") if record else "",
        "damage": _text(run.damage or ""),
        "seconds": run.seconds,
        "started": record.started if record else None,
        "step": record.step if record else None,
        "total_steps": record.total_steps if record else None,
        "epochs": record.epoch if record else None,
        "command": _text(record.command) if record else "",
        "curves": {_text(tag): _curve(run, tag, k) for tag, k in steps_between.items() if tag in run.curves},
        "best": {
            _text(tag): [each.best, each.step] for tag, each in run.scores.items() if tag in steps_between
        },
    }


def _curve(run: Run, tag: str, k: int) -> list[list[float | None]]:
    steps, values = run.curves[tag]
    kept = np.union1d(np.arange(0, len(steps), k), len(steps) - 1) if len(steps) else np.arange(0)
    return [[int(steps[at]) for at in kept], [_number(as_logged(float(values[at]))) for at in kept]]


def _recorded(run: Run) -> dict[str, Any]:
    """Return the configuration and the environment of a run, flat and with secrets masked."""
    config = run.config or run.hparams
    environment = read_environment(RunFolder(run.path)) if run.record else {}
    parts = {"config": masked(config), "environment": masked(environment)}
    return {_text(key): _plain(value) for key, value in flatten(parts)}


def _common(recorded: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the entries that are equal in all runs."""
    first, *others = recorded or [{}]
    return {key: value for key, value in first.items() if all(_has(each, key, value) for each in others)}


def _has(entries: Mapping[str, Any], key: str, value: Any) -> bool:
    return key in entries and type(entries[key]) is type(value) and entries[key] == value


def _own(entries: Mapping[str, Any], common: Iterable[str]) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if key not in common}


def _plain(value: Any) -> Any:
    """Return a value that JSON holds as it is; anything else as text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, bool | int) else _text(value)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _text(value: object) -> str:
    text = str(value)
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]} ... ({len(text)} characters)"
