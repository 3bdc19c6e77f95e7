"""What a TensorBoard shows first of the runs in a folder: pinned charts, colours, the columns of HParams.

It reads only small files, and imports neither torch nor NumPy.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from sweepboard.files import read_json
from sweepboard.metric_names import metric_tags, tag_of
from sweepboard.runs.discover import walk_runs
from sweepboard.runs.folder import RunFolder

MOST_PINNED = 3
"""Primary metrics that are pinned; a board may mix tasks."""


@dataclass(frozen=True)
class Shown:
    """A run of ours by its name in TensorBoard, with the tag of its primary metric."""

    name: str
    primary: str | None = None
    of_sweep: bool = False


def shown_runs(logdir: Path) -> list[Shown]:
    """Return the runs of ours below `logdir`, without those whose record cannot be read."""
    if not logdir.is_dir():
        return []
    found = (_shown(folder, logdir) for folder, ours in walk_runs(logdir) if ours)
    return [run for run in found if run is not None]


def _shown(folder: Path, logdir: Path) -> Shown | None:
    try:
        record = read_json(RunFolder(folder).record)
    except (OSError, ValueError):
        return None
    if not isinstance(record, Mapping):
        return None
    metric = record.get("primary_metric")
    tag = tag_of(metric) if isinstance(metric, str) else None
    return Shown(str(folder.relative_to(logdir)), tag, bool(record.get("swept")))


def query(runs: Sequence[Shown]) -> str:
    """Return the query of an address with which TensorBoard opens on what matters.

    The training loss and the primary metrics are pinned, curves are not smoothed, and the runs of sweeps have
    the colours of the swept values.
    """
    primary = Counter(run.primary for run in runs if run.primary is not None)
    tags = [*(["train/loss"] if runs else []), *(tag for tag, _ in primary.most_common(MOST_PINNED))]
    pins = [{"plugin": "scalars", "tag": tag} for tag in dict.fromkeys(tags)]
    pattern = colour_pattern(runs)
    told = {
        **({"pinnedCards": json.dumps(pins, separators=(",", ":"))} if pins else {}),
        "smoothing": "0",
        **({"runColorGroup": f"regex:{pattern}"} if pattern else {}),
    }
    return urlencode(told, quote_via=quote, safe="/:,=()")


def colour_pattern(runs: Sequence[Shown]) -> str | None:
    """Return a regular expression whose groups are the swept values in the names of `runs`.

    None unless each is a job of a sweep over more than seeds: a run without a match would be grey.
    """
    sweeps: defaultdict[str, list[str]] = defaultdict(list)
    for run in runs:
        folder, _, label = run.name.rpartition("/")
        sweeps[folder].append(label)
    keys = [swept_key(labels) for labels in sweeps.values()]
    if not (keys and all(keys) and all(run.of_sweep for run in runs)):
        return None
    return "|".join(f"(?:^|[/,]){key}=([^,]*)" for key in dict.fromkeys(keys))


def swept_key(labels: Sequence[str]) -> str | None:
    """Return the first key with several values in the labels of a sweep's jobs, but for the seed."""
    jobs = [dict(part.split("=", 1) for part in label.split(",") if "=" in part) for label in labels]
    keys = dict.fromkeys(key for job in jobs for key in job if key != "seed")
    complete = [key for key in keys if all(key in job for job in jobs)]
    return next((key for key in complete if len({job[key] for job in jobs}) > 1), None)


def in_order(
    experiment: dict[str, Any], rows: Sequence[Mapping[str, Any]], runs: Iterable[Shown]
) -> dict[str, Any]:
    """Return HParams' description of its columns with the most telling first.

    TensorBoard shows five hyperparameters and five metrics, and parallel coordinates have no line for a run
    that lacks one of them: first come columns that every run has, and a hyperparameter that a row lacks is
    said not to differ. `rows` are the rows of the table.
    """
    tasks = {run.name: run.primary for run in runs}
    metrics = experiment.get("metricInfos", [])
    rank = _ranks([info["name"]["tag"] for info in metrics], tasks, rows)
    ordered = {
        "hparamInfos": _shared_first(experiment.get("hparamInfos", []), rows),
        "metricInfos": sorted(metrics, key=lambda info: rank[info["name"]["tag"]]),
    }
    return experiment | {key: infos for key, infos in ordered.items() if key in experiment}


def _shared_first(infos: Sequence[dict[str, Any]], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the hyperparameters in which rows differ, the other ones, and those that a row lacks."""
    lacking = {info["name"] for info in infos for row in rows if info["name"] not in row.get("hparams", {})}
    told = [info | {"differs": bool(info.get("differs")) and info["name"] not in lacking} for info in infos]
    return sorted(told, key=lambda info: (not info["differs"], info["name"] in lacking))


def _ranks(
    tags: Sequence[str], tasks: Mapping[str, str | None], rows: Sequence[Mapping[str, Any]]
) -> dict[str, tuple[bool, int]]:
    """Return what to sort tags by: whether runs of each task have it, then how much it tells."""
    logged: defaultdict[str | None, set[str]] = defaultdict(set)
    for session in (session for row in rows for session in row.get("sessions", [])):
        logged[tasks.get(session["name"])] |= {
            each["name"]["tag"] for each in session.get("metricValues", [])
        }
    order = _most_telling_first(tags, {tag for tag in tasks.values() if tag is not None})
    return {
        tag: (not all(tag in found for found in logged.values()), place) for place, tag in enumerate(order)
    }


def _most_telling_first(tags: Sequence[str], primary: set[str]) -> list[str]:
    """Return the values of the primary metrics, then the other metrics, then the rest."""
    of_primary = [name for tag in sorted(primary) for name in _values_of(tag)]
    return [tag for tag in dict.fromkeys([*of_primary, *metric_tags(tags), *tags]) if tag in tags]


def _values_of(tag: str) -> list[str]:
    """Return the tags of a metric: the last value, the best one, that of the test."""
    place, _, name = tag.partition("/")
    return [tag, f"{place}_best/{name}", f"test/{name}", f"test_best/{name}"]
