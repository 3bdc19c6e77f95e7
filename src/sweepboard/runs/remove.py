"""Remove runs and checkpoints: nothing that is neither, through no link, and none that someone writes to."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sweepboard.errors import UserError
from sweepboard.files import writing
from sweepboard.formatting import printable
from sweepboard.runs.alteration import CHANGED
from sweepboard.runs.discover import walk_runs
from sweepboard.runs.folder import PLAN, RunFolder
from sweepboard.runs.lock import only_writer, refuse_links
from sweepboard.runs.record import DamagedRecord, RunRecord, read_record
from sweepboard.training.ending import FAILED, FINISHED, INTERRUPTED

log = logging.getLogger(__name__)

BEST = "best.pt"


class NotRemovable(UserError):
    """A folder that is not removed: it is no run, or holds more than one."""


@dataclass(frozen=True)
class Removal:
    """Files or folders of one run that can be removed, and why."""

    folder: RunFolder
    paths: tuple[Path, ...]
    why: str

    @property
    def size(self) -> int:
        """The bytes that it frees."""
        return sum(size_of(path) for path in self.paths)

    def carry_out(self) -> None:
        """Remove what was listed. Raise `FolderLocked` if a process writes to the run, `LinkInFolder`."""
        with only_writer(self.folder), writing(self.folder.path):
            for path in self.paths:
                if path.is_dir():
                    shutil.rmtree(path)  # it follows no link
                else:
                    path.unlink(missing_ok=True)


def whole(path: Path) -> Removal:
    """Return the removal of a run or a sweep. Raise `NotRemovable` for any other folder."""
    here = Path.cwd().resolve()
    if not _is_run(path) and not _is_file(path / PLAN):
        raise NotRemovable(f"{path} is no run and no sweep (it has no run.json and no {PLAN}): left as it is")
    if here.is_relative_to(path.resolve()):
        raise NotRemovable(f"{path}: you are in that folder: change to another one first")
    inner = [run for run, ours in walk_runs(path) if ours and run != path and run.parent != path]
    if inner or (_is_run(path) and any(map(_is_run, path.iterdir()))):
        raise NotRemovable(f"{path} holds other runs: remove these first")
    return Removal(RunFolder(path), (path,), "asked for")


def removed(removal: Removal) -> None:
    """Remove a run, or a sweep with all its jobs. Raise `FolderLocked` first if one of them is running."""
    root = removal.folder.path
    refuse_links(removal.folder)
    for run in [path for path, ours in walk_runs(root) if ours and path != root]:
        with only_writer(RunFolder(run)):
            pass
    removal.carry_out()


def unneeded(root: Path, checkpoints: bool = True, runs: bool = True) -> Iterator[Removal]:
    """Yield checkpoints of finished runs but for the best, and runs that failed or never saved anything.

    Runs with a tag or a note are kept, and so are jobs of a sweep, which `resume` would miss. Those whose
    record something else has changed are kept with a warning: they may have had a tag, or been finished.
    """
    for path, ours in walk_runs(root):
        folder = RunFolder(path)
        record = _record(folder) if ours else None
        if record is None or record.tags or record.note:
            continue
        removal = _unneeded(folder, record, checkpoints, runs)
        if removal and record.altered:
            log.warning("%s was %s: left as it is", printable(folder.record), CHANGED)
        elif removal:
            yield removal


def _unneeded(folder: RunFolder, record: RunRecord, checkpoints: bool, runs: bool) -> Removal | None:
    if record.true_status == FINISHED:
        spare = tuple(_spare_checkpoints(folder)) if checkpoints else ()
        return Removal(folder, spare, "spare checkpoints") if spare else None
    if not runs or _is_file(folder.path.parent / PLAN):
        return None
    why = _why_in_vain(folder, record)
    return Removal(folder, (folder.path,), why) if why else None


def _why_in_vain(folder: RunFolder, record: RunRecord) -> str | None:
    if record.true_status == FAILED:
        return f"{FAILED} run"
    saved = record.checkpointed or any(folder.checkpoints.glob("*"))  # a killed run's record may lag behind
    stopped = record.true_status == INTERRUPTED and not saved
    return "empty run" if stopped else None


def _spare_checkpoints(folder: RunFolder) -> Iterator[Path]:
    place = folder.checkpoints
    if place.is_symlink() or not _is_file(place / BEST):
        return
    yield from (path for path in sorted(place.glob("*.pt")) if path.name != BEST and _is_file(path))


def _record(folder: RunFolder) -> RunRecord | None:
    try:
        return read_record(folder)
    except DamagedRecord:  # what it was is not known
        return None


def _is_run(path: Path) -> bool:
    return not path.is_symlink() and _is_file(RunFolder(path).record)


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files of a folder; of a link its own."""
    if not path.is_dir() or path.is_symlink():
        return path.lstat().st_size
    return sum(Path(place, name).lstat().st_size for place, _, names in os.walk(path) for name in names)
