"""Find runs below folders: ours, and those of any tool that writes event files."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweepboard.errors import UserError, reason
from sweepboard.formatting import printable
from sweepboard.runs.folder import RECORD

log = logging.getLogger(__name__)

AGGREGATE = "aggregate.json"
"""Marks a folder with means of runs that `compare --aggregate` wrote."""

_NEVER_RUNS = frozenset((".hydra", ".git", "checkpoints", "__pycache__"))


@dataclass(frozen=True)
class Found:
    """The folder of a run, and its displayed name."""

    path: Path
    name: str
    ours: bool


def discover(paths: Sequence[Path]) -> list[Found]:
    """Return every run at or below `paths` once, sorted by folder.

    Folders below a run of ours, links and aggregates are skipped. Raise `UserError` for a path that does not
    exist or holds no run.
    """
    base = common_folder(paths)
    found: dict[Path, Found] = {}
    for path in paths:
        real = path.resolve()  # no link is followed below it
        walked = [(real / folder.relative_to(path), folder, ours) for folder, ours in walk_runs(path)]
        if not walked:
            raise UserError(
                f"{path}: no runs here (no {RECORD} and no event files); give a folder that holds runs"
            )
        found |= {place: Found(folder, _name(place, base), ours) for place, folder, ours in walked}
    return sorted(found.values(), key=lambda run: run.path.parts)


def walk_runs(root: Path) -> Iterator[tuple[Path, bool]]:
    """Yield the folder of each run at or below `root`, and whether the run is ours (has a record)."""
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; give the folder of a run, or one that holds runs")
    for folder, folders, names in os.walk(root, onerror=tell_unreadable):
        if AGGREGATE in names:
            folders.clear()
        elif RECORD in names:
            folders.clear()
            yield Path(folder), True
        elif any("tfevents" in name for name in names):
            yield Path(folder), False
        folders[:] = [name for name in folders if name not in _NEVER_RUNS]


def tell_unreadable(error: OSError) -> None:
    """Warn of a folder that cannot be read, for example without permission or with too long a path."""
    name = printable(error.filename)
    log.warning("%s: passed over: %s", name if len(name) <= 200 else f"{name[:200]}...", reason(error))


def common_folder(paths: Iterable[Path]) -> Path:
    """Return the folder that holds all `paths`, without links; a single path itself."""
    resolved = [path.resolve() for path in paths]
    if len(resolved) == 1:
        return resolved[0]
    return Path(os.path.commonpath(resolved))


def _name(place: Path, base: Path) -> str:
    relative = place.relative_to(base)
    return str(relative) if relative.parts else place.name
