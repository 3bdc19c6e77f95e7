"""Read runs, of sweepboard and of other tools, from their folders."""

from __future__ import annotations

import logging
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from sweepboard import plain_yaml
from sweepboard.analysis.curves import sorted_by_step
from sweepboard.analysis.join_folders import join_folders
from sweepboard.analysis.own_runs import Unreadable, read_own_runs
from sweepboard.analysis.run import Run, seed_in
from sweepboard.board.scalar_decoder import Series
from sweepboard.board.scalar_reader import read_scalars
from sweepboard.errors import reason
from sweepboard.files import read_text
from sweepboard.formatting import some
from sweepboard.hyperparameters import DATA, Hparams, hparams
from sweepboard.names import block, flatten, without
from sweepboard.runs.discover import Found, common_folder, discover
from sweepboard.runs.run_summary import DAMAGED
from sweepboard.settings import ROOT

if TYPE_CHECKING:
    from sweepboard.board.event_reader import HparamsRow

log = logging.getLogger(__name__)

_SEED = re.compile(r"(?:.*[._/])?(?:random_?)?seed", re.IGNORECASE)

_PLACE = re.compile(
    r"(?:.*[._/])?(?:(?:output|logging|log|save|checkpoint|ckpt|default_root)_?dir|run_name)", re.I
)
"""Hyperparameters of other tools that hold a path: they differ between repeats of one config."""


def read_runs(paths: Sequence[Path]) -> list[Run]:
    """Return every run at or below `paths`. Raise `UserError` if there is none."""
    found = discover(paths)
    ours = read_own_runs(common_folder(paths), [each for each in found if each.ours])
    runs = [_run(each, ours.get(each.path)) for each in found]
    return _with_hparams(join_folders(runs))


def _run(found: Found, own: Run | Unreadable | None) -> Run:
    """Return a run of ours, or what its event files hold if it is unreadable or of another tool."""
    if isinstance(own, Unreadable):
        if own.status == DAMAGED:
            log.warning("%s", own)
        return replace(_of_another_tool(found), status=own.status, damage=str(own))
    return own or _of_another_tool(found)


def _with_hparams(runs: Sequence[Run]) -> list[Run]:
    """Return the runs with the hyperparameters that any of our runs has set.

    The data are one of them if they differ between runs: by their folder's name, or by their digest.
    """
    asked = set().union(*(run.asked for run in runs))
    data = _names_of_data(runs)
    return [
        replace(run, hparams=data.get(run.path, {}) | _hparams(run, asked)) if run.record else run
        for run in runs
    ]


def _hparams(run: Run, asked: set[str]) -> Hparams:
    assert run.record is not None  # the caller passes only runs of ours
    return hparams(
        without(run.config, run.record.writes_only), run.record.groups, asked, run.record.interpolations
    )


def _names_of_data(runs: Sequence[Run]) -> dict[Path, Hparams]:
    """Return a name for the data of each run, equal for equal data; empty if all runs have the same data."""
    found = {run.path: _data(run) for run in runs if run.record}
    if len(set(found.values())) < 2:
        return {}
    names = {content: root for root, content in reversed(found.values()) if content}
    often = Counter(names.values())
    named: dict[Path, Hparams] = {}
    for path, (root, content) in found.items():
        place = names.get(content, root)
        mark = content[:12] if not place else f"{place} ({content[:12]})" if often[place] > 1 else place
        named[path] = {ROOT if place else DATA: mark}
    return named


def _data(run: Run) -> tuple[str, str]:
    """Return the folder and the digest of a run's data; one of them may be empty."""
    root = block(run.config, "dataset").get("root")
    content = run.record.data_content if run.record else ""
    return ("" if root is None else str(root)), content


def _series(folder: Path) -> dict[str, Series]:
    try:
        return read_scalars(folder, purged=True)
    except OSError as error:  # the other runs can still be compared
        log.warning("%s cannot be read: %s", folder, reason(error))
        return {}


def _hparams_row(folder: Path) -> HparamsRow | None:
    from sweepboard.board.event_reader import read_hparams  # imports protobuf, which is slow

    try:
        return read_hparams(folder)
    except OSError:  # the warning came when its scalars were read
        return None


def _of_another_tool(found: Found) -> Run:
    series = _series(found.path)
    times = [time for each in series.values() for time in (each.wall_times.min(), each.wall_times.max())]
    row = _hparams_row(found.path)
    values = dict(row.hparams if row else flatten(_read_yaml(found.path / "hparams.yaml")))
    seeds = [key for key in values if _SEED.fullmatch(key)]
    _warn_of_missing_steps(found.name, series)
    _warn_of_steps_back(found.name, series)
    return Run(
        path=found.path,
        name=found.name,
        hparams={
            key: _plain(value)
            for key, value in values.items()
            if key not in seeds and value is not None and not _PLACE.fullmatch(key)
        },
        seed=_seed(values[seeds[0]]) if seeds else seed_in(found.name),
        status=_status(row),
        seconds=float(max(times) - min(times)) if times else None,
        curves={tag: sorted_by_step(each.steps, each.values) for tag, each in series.items()},
    )


def _seed(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _warn_of_missing_steps(name: str, series: Mapping[str, Series]) -> None:
    """Warn about tags with all points at one step, of which only the last point is kept."""
    tags = [tag for tag, each in series.items() if len(each.steps) > 2 and np.ptp(each.steps) == 0]
    if tags:
        points = len(series[tags[0]].steps)
        log.warning(
            "%s: all %d points of %s are at one step, and only the last is compared; give each its step",
            *(name, points, some(tags)),
        )


def _warn_of_steps_back(name: str, series: Mapping[str, Series]) -> None:
    """Warn about steps that go back: after a resume or with two writers, points may be of another run."""
    tags = [tag for tag, each in series.items() if len(each.steps) > 2 and _goes_back(each)]
    if tags:
        log.warning(
            "%s: steps of %s go back, as after a resume or with two writers: of points at one step only the "
            "last is compared; see sweepboard doctor",
            *(name, some(tags)),
        )


def _goes_back(series: Series) -> bool:
    """Return whether a step is smaller than one before it, exact copies excepted."""
    if not np.any(np.diff(series.steps) < 0):
        return False
    _, first = np.unique(np.stack([series.steps, series.values.view(np.int64)]), axis=1, return_index=True)
    return bool(np.any(np.diff(series.steps[np.sort(first)]) < 0))


def _status(row: HparamsRow | None) -> str:
    return (row and row.status) or "unknown"


def _plain(value: Any) -> Any:
    """Return a hashable value. Event files only hold floats: 64.0 becomes 64."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value if isinstance(value, bool | int | float | str) else str(value)


def _read_yaml(path: Path) -> dict[str, Any]:
    """Return a mapping of plain values; empty if the file does not exist or holds anything else."""
    try:
        content = plain_yaml.load_any_tags(read_text(path, follow=True))
    except FileNotFoundError:
        return {}
    except (OSError, yaml.YAMLError, ValueError) as error:
        log.warning("%s cannot be read: %s", path, reason(error))
        return {}
    return content if isinstance(content, dict) else {}
