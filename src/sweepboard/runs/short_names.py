"""Short names of runs: `last`, `best`, `best:METRIC`, the number that `ls` shows, or any unique prefix."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweepboard.errors import UserError
from sweepboard.formatting import some
from sweepboard.metric_names import MAX, MIN, mode_of, name_of, tag_of
from sweepboard.runs.discover import walk_runs
from sweepboard.runs.folder import PLAN, RunFolder
from sweepboard.runs.record import DamagedRecord, RunRecord, read_record
from sweepboard.runs.run_summary import RunSummary, summaries

log = logging.getLogger(__name__)

OUTPUTS = Path("outputs")
"""The folder whose runs have short names."""

LAST, BEST = "last", "best"


@dataclass(frozen=True)
class Numbered:
    """A run and its number: 1 is the one that was started first."""

    number: int
    folder: RunFolder
    summary: RunSummary


class NoSuchName(UserError):
    """A short name that no run has, or several have."""


def numbered(root: Path = OUTPUTS) -> list[Numbered]:
    """Return the runs below `root` with their numbers, newest last."""
    folders = [RunFolder(path) for path, ours in walk_runs(root) if ours] if root.is_dir() else []
    found = summaries(root, folders)
    ordered = sorted(folders, key=lambda folder: (found[folder.path].started, str(folder)))
    return [Numbered(number, folder, found[folder.path]) for number, folder in enumerate(ordered, 1)]


def numbers_in(folder: Path, runs: Sequence[Numbered], root: Path = OUTPUTS) -> dict[Path, int]:
    """Return the numbers in `root` of the `runs` in `folder`, by their paths; none if it is not in `root`."""
    if folder.resolve() == root.resolve():
        return {each.folder.path: each.number for each in runs}
    if not folder.resolve().is_relative_to(root.resolve()):
        return {}
    numbers = {each.folder.path.resolve(): each.number for each in numbered(root)}
    found = ((each.folder.path, numbers.get(each.folder.path.resolve())) for each in runs)
    return {path: number for path, number in found if number is not None}


def named_run(text: str, root: Path = OUTPUTS, sweeps: bool = False) -> Path:
    """Return the folder that `text` names, or the path as it is where it is one, or names nothing.

    With `sweeps`, `last` of a job is its sweep. Raise `NoSuchName` for a name that several runs have.
    """
    path = Path(text)
    if path.exists() or not text or not root.is_dir():
        return path
    found = _by_word(text, root, sweeps) or _by_prefix(text, root)
    return path if found is None else found


def _by_word(text: str, root: Path, sweeps: bool) -> Path | None:
    word, _, metric = text.partition(":")
    if word == BEST:
        return _best(root, metric)
    runs = numbered(root) if text == LAST or text.isdecimal() else []
    if text == LAST and runs:
        folder = runs[-1].folder.path
        return folder.parent if sweeps and (folder.parent / PLAN).is_file() else folder
    if text.isdecimal() and 0 < int(text) <= len(runs):
        return runs[int(text) - 1].folder.path
    return None


def _by_prefix(text: str, root: Path) -> Path | None:
    """Return the run or sweep whose name, with or without its parent folders, begins with `text`."""
    names = {name: path for path in _runs_and_sweeps(root) for name in _names(path, root)}
    if text in names:
        return names[text]
    found = sorted({path for name, path in names.items() if name.startswith(text)})
    if len(found) > 1:
        whole = some([str(path.relative_to(root)) for path in found])
        raise NoSuchName(f"{text}: {len(found)} runs are called so: {whole}; type more of the name")
    return found[0] if found else None


def _runs_and_sweeps(root: Path) -> Iterator[Path]:
    yield from (run.parent for run in sorted(root.glob(f"sweeps/*/{PLAN}")))
    yield from (path for path, ours in walk_runs(root) if ours)


def _names(path: Path, root: Path) -> Iterator[str]:
    parts = path.relative_to(root).parts
    yield from ("/".join(parts[start:]) for start in range(len(parts)))


def _best(root: Path, metric: str) -> Path:
    """Return the run with the best value of `metric`, or of the primary metric of the newest run."""
    records = list(_records([each.folder for each in numbered(root)]))
    tag = tag_of(metric) if metric else next(_primary_tags(reversed(records)), "")
    values = {folder.path: _value(record, tag) for folder, record in records}
    known = {path: value for path, value in values.items() if value is not None and value == value}
    modes = [record.modes[name_of(tag)] for _, record in records if name_of(tag) in record.modes]
    mode = modes[-1] if modes else mode_of(tag)
    if not known or mode not in (MIN, MAX):
        unknown = f"it is unknown whether a larger {tag} is better"
        why = unknown if known else f"no run has {tag or 'a metric'}"
        raise NoSuchName(f"{BEST}{':' * bool(metric)}{metric}: {why}")
    return (min if mode == MIN else max)(known, key=lambda path: known[path])


def _value(record: RunRecord, tag: str) -> float | None:
    return record.best.get(name_of(tag), record.metrics.get(tag)) if tag else None


def _records(folders: Sequence[RunFolder]) -> Iterator[tuple[RunFolder, RunRecord]]:
    for folder in folders:
        try:
            yield folder, read_record(folder)
        except DamagedRecord as error:
            log.warning("passed over: %s", error)


def _primary_tags(records: Iterator[tuple[RunFolder, RunRecord]]) -> Iterator[str]:
    for _, record in records:
        if record.primary_metric is not None and record.primary_metric in record.best:
            yield tag_of(record.primary_metric)
