"""Runs as records: what each was made of, how it went, and its curves."""

from __future__ import annotations

import logging
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sweepboard import plain_yaml
from sweepboard.analysis.curves import Points, rising
from sweepboard.analysis.merged_folders import merged, seed_in, without_seed
from sweepboard.analysis.metrics import Score, metric_tags, mode_of, score
from sweepboard.analysis.run_checks import some
from sweepboard.board.event_reader import HparamsRow, read_hparams, read_scalars
from sweepboard.board.scalar_decoder import Series
from sweepboard.errors import reason
from sweepboard.files import read_text
from sweepboard.hyperparameters import DATA, Hparams, asked_for, group_name, hparams
from sweepboard.names import flatten
from sweepboard.runs.discover import Found, discover
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import DamagedRecord, RunRecord, read_record
from sweepboard.runs.saved_run import DamagedRun, read_config
from sweepboard.settings import ROOT

log = logging.getLogger(__name__)

_SEED = re.compile(r"(?:.*[._/])?(?:random_?)?seed", re.IGNORECASE)

_PLACE = re.compile(
    r"(?:.*[._/])?(?:(?:output|logging|log|save|checkpoint|ckpt|default_root)_?dir|run_name)", re.I
)
"""What says where a run lies, as transformers writes it: its repeats lie elsewhere."""


@dataclass(frozen=True)
class Run:
    """One run, of ours or of another tool."""

    path: Path
    name: str
    """Its folder as seen from what was asked for."""

    hparams: dict[str, Any] = field(default_factory=dict)
    """What it was made of, flat and without the seed."""

    seed: int | None = None
    status: str = "unknown"
    """`finished`, `failed`, `interrupted`, `running`; `unknown` where the tool does not say."""

    seconds: float | None = None
    """How long it trained; of other tools' runs, from the first point to the last."""

    curves: dict[str, Points] = field(default_factory=dict)
    """Steps and values of every scalar, each step once."""

    logged: bool = True
    """Whether the curves are from event files; else they are the last values in the record."""

    config: dict[str, Any] = field(default_factory=dict)
    """The resolved configuration; empty for other tools' runs."""

    record: RunRecord | None = None
    """run.json; None for other tools' runs, or where it is damaged."""

    damage: str | None = None
    """What of it cannot be read, if so: then only what its event files say is known."""

    @property
    def group(self) -> str:
        """Equal for runs that differ in the seed only. A run that says nothing of itself is its own group,
        unless its name tells a seed."""
        return group_name(self.hparams) if self.hparams else without_seed(str(self.path))

    @property
    def primary_metric(self) -> str | None:
        """The metric by which it is judged, where it says so."""
        return self.record.primary_metric if self.record else None

    @property
    def asked(self) -> set[str]:
        """Keys that were swept or given on the command line."""
        return asked_for(self.config, self.record.overrides, self.record.swept) if self.record else set()

    @cached_property
    def modes(self) -> dict[str, str]:
        """Whether `min` or `max` is better, for every metric."""
        told = dict(_told_modes(self.config, self.record))
        return {tag: mode_of(tag, told) for tag in metric_tags(self.curves)}

    @cached_property
    def scores(self) -> dict[str, Score]:
        """Last and best of every metric."""
        scores = {tag: score(*self.curves[tag], mode) for tag, mode in self.modes.items()}
        known = {tag: value for tag, value in scores.items() if value is not None}
        return {tag: self._with_recorded_best(tag, value) for tag, value in known.items()}

    def _with_recorded_best(self, tag: str, known: Score) -> Score:
        """A run without event files has no curve to find its best in, but its record tells it."""
        best = self.record.best.get(tag.removeprefix("val/")) if self.record and not self.logged else None
        return known if best is None else replace(known, best=best, step=None)


def gather(paths: Sequence[Path]) -> list[Run]:
    """Read every run at or below `paths`. Raises `UserError` where there is none."""
    runs = [_ours(found) if found.ours else _of_another_tool(found) for found in discover(paths)]
    return _with_hparams(merged(runs))


def _with_hparams(runs: Sequence[Run]) -> list[Run]:
    """Runs of ours with their hyperparameters: what was asked for in one is looked at in all.

    Where they were made from different data, that is one, too: by the name of its folder, or its digest.
    """
    asked = set().union(*(run.asked for run in runs))
    data = _names_of_data(runs)
    return [
        replace(run, hparams=data.get(run.path, {}) | _hparams(run, asked)) if run.record else run
        for run in runs
    ]


def _hparams(run: Run, asked: set[str]) -> Hparams:
    assert run.record is not None  # nothing else is called for
    return hparams(run.config, run.record.groups, asked, run.record.interpolations)


def _names_of_data(runs: Sequence[Run]) -> dict[Path, Hparams]:
    """What to call the data of each run, equal for equal data; of runs on the same data nothing."""
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
    """The folder and the digest of a run's data; one of them may be empty."""
    root = (run.config.get("dataset") or {}).get("root")
    content = run.record.data_content if run.record else ""
    return ("" if root is None else str(root)), content


def _ours(found: Found) -> Run:
    folder = RunFolder(found.path)
    try:
        record, config = read_record(folder), read_config(folder, whole=False)
    except (DamagedRecord, DamagedRun) as error:
        log.warning("%s", error)
        return replace(_of_another_tool(found), status="damaged", damage=str(error))
    curves = _curves(found.path)
    return Run(
        path=found.path,
        name=found.name,
        seed=record.seed,
        status=record.true_status,
        seconds=record.seconds,
        curves=curves or _curves_of_record(record),
        logged=bool(curves),
        config=config,
        record=record,
    )


def _curves_of_record(record: RunRecord) -> dict[str, Points]:
    """The last metrics of a run that wrote no event files."""
    return {
        tag: (
            np.array([record.step]),
            np.array([value], dtype=np.float64),
        )  # null, which was NaN, is NaN again
        for tag, value in record.metrics.items()
    }


def _curves(folder: Path) -> dict[str, Points]:
    return {tag: rising(each.steps, each.values) for tag, each in _series(folder).items()}


def _series(folder: Path, purged: bool = False) -> dict[str, Series]:
    try:
        return read_scalars(folder, purged=purged)
    except OSError as error:  # one of many runs: the others are still worth comparing
        log.warning("%s cannot be read: %s", folder, error.strerror or error)
        return {}


def _hparams_row(folder: Path) -> HparamsRow | None:
    try:
        return read_hparams(folder)
    except OSError:  # told when its scalars were read
        return None


def _of_another_tool(found: Found) -> Run:
    series = _series(found.path, purged=True)
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
        curves={tag: rising(each.steps, each.values) for tag, each in series.items()},
    )


def _seed(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _warn_of_missing_steps(name: str, series: Mapping[str, Series]) -> None:
    """Of points at one step the last one stands: of a whole curve at one step that is told."""
    tags = [tag for tag, each in series.items() if len(each.steps) > 2 and np.ptp(each.steps) == 0]
    if tags:
        points = len(series[tags[0]].steps)
        log.warning(
            "%s: all %d points of %s are at one step, and only the last is compared; give each its step",
            *(name, points, some(tags)),
        )


def _warn_of_steps_back(name: str, series: Mapping[str, Series]) -> None:
    """A resume from before the end of the log, or two writers: not every point may be of this run."""
    tags = [tag for tag, each in series.items() if len(each.steps) > 2 and _goes_back(each)]
    if tags:
        log.warning(
            "%s: steps of %s go back, as after a resume or with two writers: of points at one step only the "
            "last is compared; sweepboard doctor says more",
            *(name, some(tags)),
        )


def _goes_back(series: Series) -> bool:
    """Whether a step is smaller than one before it, other than in a copy of what was written."""
    if not np.any(np.diff(series.steps) < 0):
        return False
    _, first = np.unique(np.stack([series.steps, series.values.view(np.int64)]), axis=1, return_index=True)
    return bool(np.any(np.diff(series.steps[np.sort(first)]) < 0))


def _status(row: HparamsRow | None) -> str:
    return (row and row.status) or "unknown"


def _plain(value: Any) -> Any:
    """A value that can be compared and grouped by. Event files know floats only: 64.0 was 64."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value if isinstance(value, bool | int | float | str) else str(value)


def _told_modes(config: Mapping[str, Any], record: RunRecord | None) -> Iterator[tuple[str, str]]:
    """What the task says of its own metrics, then what the settings say."""
    if record is None:
        return
    for name, mode in record.modes.items():
        yield from ((f"{part}/{name}", mode) for part in ("train", "val", "test"))
    for block in ("early_stopping", "checkpoint"):
        settings = (config.get("trainer") or {}).get(block) or {}
        metric = settings.get("metric") or record.primary_metric
        if metric and settings.get("mode"):
            yield f"val/{metric}", settings["mode"]


def _read_yaml(path: Path) -> dict[str, Any]:
    """A mapping of plain values; empty where there is no such file, or something else is in it."""
    try:
        content = plain_yaml.load_any_tags(read_text(path, follow=True))
    except FileNotFoundError:
        return {}
    except (OSError, yaml.YAMLError, ValueError) as error:
        log.warning("%s cannot be read: %s", path, reason(error))
        return {}
    return content if isinstance(content, dict) else {}
