"""Take a run's event files back to a checkpoint, so that a resumed run logs each point once.

Messages that tell a reader to forget points (`SessionLog`) are heeded by one of TensorBoard's two loaders
and by no plain reader: what a resumed run will log again has to go from the files.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sweepboard.board.event_reader import read_events
from sweepboard.board.event_writer import END, event_files, history_files
from sweepboard.board.tfrecord import Damage, blocks, frame, sound_records, warn
from sweepboard.errors import RunFailed
from sweepboard.files import write_atomic

logger = logging.getLogger("sweepboard")


class CutFailed(RunFailed):
    """Event files that could not be taken back, so that a resumed run would log points twice."""


def cut_to(folder: Path, position: Mapping[str, int]) -> None:
    """Keep exactly what stood in the run's own event files when `EventWriter.position` was taken.

    What the position does not know was logged after it, and goes, for it will be logged again. Raises
    `CutFailed` before anything is cut where it cannot have been: then this is the position of another folder.

    Files are shortened in place, which is one step for any reader, and where nothing of them stays they are
    left empty: TensorBoard's slow loader never gets past a file that vanishes while it waits there for more.
    Doing it again changes nothing. Raises `CutFailed` where the folder cannot be written.
    """
    with _explained(folder):
        _refuse_links(folder)
        _refuse_foreign(folder, position)
        _empty_end(folder)
        for path in history_files(folder):
            _shorten(path, position.get(path.name, 0))
    _warn_of_gaps(folder, position)
    _warn_of_damage(folder)


def cut_from(folder: Path, step: int) -> None:
    """Drop every event of `step` and later, for a checkpoint that knows no position.

    What was logged of an earlier step but after the checkpoint (a picture at the end) stays. A torn tail goes
    too; damage is warned of. Raises `CutFailed`.
    """
    with _explained(folder):
        _refuse_links(folder)
        _empty_end(folder)
        for path in history_files(folder):
            _drop_from(path, step)


def remove_empty(folder: Path) -> None:
    """Remove the files that a cut left empty, once there is something after them to read. Raises OSError."""
    for path in event_files(folder):
        if path.stat().st_size == 0:
            path.unlink()


def _refuse_links(folder: Path) -> None:
    for path in event_files(folder):
        if path.is_symlink():  # in a folder from elsewhere it could lead to any file
            raise CutFailed(f"{path} is a link; a run that is resumed needs its own event files")


def _refuse_foreign(folder: Path, position: Mapping[str, int]) -> None:
    """What is logged after a checkpoint is in newer files than those it knows, and those are still there.

    Names sort in the order in which the files were made.
    """
    files = history_files(folder)
    newest = max(position, default="")
    gone = any(position.values()) and not position.keys() <= {path.name for path in files}
    for path in files:
        if path.name not in position and (gone or path.name < newest):
            raise CutFailed(f"{path} is not of the run that its checkpoint is of: move it elsewhere")


def _empty_end(folder: Path) -> None:
    for path in event_files(folder):
        if path.suffix == END:
            _shorten(path, 0)


def _shorten(path: Path, size: int) -> None:
    if path.stat().st_size > size:
        with path.open("rb+") as file:
            file.truncate(size)
            os.fsync(file.fileno())


def _drop_from(path: Path, step: int) -> None:
    faults: list[Damage] = []
    events = list(read_events(path, faults.append))
    kept = [event for event in events if event.step < step]
    for fault in faults:
        warn(fault)
    if faults or len(kept) < len(events):
        write_atomic(path, b"".join(frame(event.SerializeToString()) for event in kept))


def _warn_of_damage(folder: Path) -> None:
    """Say where a flipped bit has taken a point of the curves."""
    for path in history_files(folder):
        for block in blocks(path):
            sound_records(block)


def _warn_of_gaps(folder: Path, position: Mapping[str, int]) -> None:
    """A disk that lost its newest bytes (a power cut) may have kept the checkpoint and not the log."""
    sizes = {path.name: path.stat().st_size for path in history_files(folder)}
    if any(sizes.get(name, 0) < size for name, size in position.items()):
        logger.warning("the board in %s lacks points that were logged before the checkpoint", folder)


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise CutFailed(f"the board in {folder} cannot be taken back to the checkpoint: {reason}") from error
