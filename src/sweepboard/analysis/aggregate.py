"""Write the mean and spread over seeds as runs that TensorBoard shows next to the others.

Each config gets one run. The means have the tags of its own runs, so that they appear in the same charts; the
borders of the bands have `/lower` and `/upper` behind them, and the Custom Scalars page draws the bands. A
marker file in the folder makes other commands skip these runs.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from sweepboard.analysis.compare import Comparison
from sweepboard.analysis.curves import Band, band
from sweepboard.analysis.table import Row
from sweepboard.board import summaries
from sweepboard.board.event_writer import START_SUFFIX, EventWriter, write_event_file
from sweepboard.errors import UserError
from sweepboard.files import write_json
from sweepboard.formatting import some
from sweepboard.names import label
from sweepboard.runs.discover import AGGREGATE
from sweepboard.version import __version__

log = logging.getLogger(__name__)

FOLDER = "aggregate"
"""Default name of the folder."""

LOWER, UPPER = "/lower", "/upper"
"""What follows a tag for the mean minus and plus the standard deviation."""


def default_folder(paths: Sequence[Path]) -> Path:
    """Return `aggregate/` in the closest folder that contains all `paths`."""
    return Path(os.path.commonpath([path.resolve() for path in paths])) / FOLDER


def write_aggregate(comparison: Comparison, folder: Path) -> list[str]:
    """Write every config with two or more runs below `folder`, replacing an older aggregate there.

    Return the configs' labels. Raise `UserError` if no config has two runs, or if `folder` holds anything but
    an aggregate.
    """
    repeated = [row for row in comparison.rows if len(row.repeats) > 1]
    if not repeated:
        raise UserError("--aggregate: no config has two seeds; it needs them, and rows without --runs")
    labels = _labels(repeated, comparison.keys)
    found = {name: bands(row, comparison.tags) for name, row in zip(labels, repeated, strict=True)}
    _warn_left_out(comparison.tags, found)
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    _check_replaceable(folder)
    try:
        _write(fresh, dict(zip(labels, repeated, strict=True)), found)
        _replace(folder, fresh)
    except OSError as error:
        raise UserError(f"--aggregate {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return labels


def _labels(rows: Sequence[Row], keys: Sequence[str]) -> list[str]:
    """Return a unique folder name for each row."""
    names = [
        label([f"{key}={row.hparams[key]}" for key in keys if key in row.hparams]) or "all" for row in rows
    ]
    return [
        name if names.count(name) == 1 else f"{name}-{row.runs[0].group[:8]}"
        for name, row in zip(names, rows, strict=True)
    ]


def _check_replaceable(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()) and not (folder / AGGREGATE).is_file():
        raise UserError(f"--aggregate {folder}: this folder holds something else; name a new one")


def _replace(folder: Path, fresh: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def _warn_left_out(tags: Sequence[str], found: Mapping[str, Mapping[str, Band]]) -> None:
    """Warn about metrics that have no mean in any config. Raise `UserError` if none has one."""
    left = [tag for tag in tags if not any(tag in each for each in found.values())]
    reason = "its runs have no step in common, or not all of them log it"
    if len(left) == len(tags):
        raise UserError(f"--aggregate: no metric has a mean in any config: {reason}")
    if left:
        log.warning("--aggregate leaves out %s: %s", some(left), reason)


def _write(folder: Path, rows: Mapping[str, Row], found: Mapping[str, dict[str, Band]]) -> None:
    folder.mkdir(parents=True)
    members = {name: [str(run.path) for run in row.runs] for name, row in rows.items()}
    write_json(folder / AGGREGATE, {"runs": members, "written": time.time(), "sweepboard": __version__})
    for name, each in found.items():
        _write_row(folder / name, each)


def bands(row: Row, tags: Sequence[str]) -> dict[str, Band]:
    """Return mean and spread of each metric that all runs of the row logged at common steps."""
    common = [tag for tag in tags if all(tag in run.curves for run in row.runs)]
    found = {tag: band(row.curves(tag)) for tag in common}
    return {tag: each for tag, each in found.items() if each.steps.size}


def _write_row(folder: Path, found: dict[str, Band]) -> None:
    points: defaultdict[int, dict[str, float]] = defaultdict(dict)
    for tag, each in found.items():
        lines = {tag: each.mean, f"{tag}{LOWER}": each.mean - each.std, f"{tag}{UPPER}": each.mean + each.std}
        for name, values in lines.items():
            for step, value in zip(each.steps.tolist(), values.tolist(), strict=True):
                points[step][name] = value
    folder.mkdir(parents=True)
    write_event_file(folder, START_SUFFIX, [summaries.bands(found, LOWER, UPPER)])
    writer = EventWriter(folder)
    for step in sorted(points):
        writer.add_scalars(step, points[step])
    writer.close()
