"""Truncate a run's event files to a checkpoint, so that a resumed run logs each point once.

Messages that void points (`SessionLog`) are respected by only one of TensorBoard's two loaders and by no
plain reader. So what a resumed run will log again is removed from the files.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event

from sweepboard.board.event_names import event_files
from sweepboard.board.event_reader import read_events
from sweepboard.board.event_writer import END_SUFFIX, OWN_SUFFIXES, history_files
from sweepboard.board.tfrecord import Damage, blocks, frame, sound_records, warn
from sweepboard.errors import RunFailed
from sweepboard.files import write_atomic

logger = logging.getLogger("sweepboard")


class TruncationFailed(RunFailed):
    """Event files that could not be truncated: a resumed run would log points twice."""


def truncate_to(folder: Path, position: Mapping[str, int]) -> None:
    """Truncate the run's own event files to `position`, as returned by `EventWriter.position`.

    Everything logged later is removed, since it will be logged again. Files are shortened in place, which is
    atomic for any reader. Files of which nothing remains are left empty: TensorBoard's slow loader gets stuck
    on a file that disappears while it waits for more. A second call changes nothing.

    Raise `TruncationFailed` if the folder cannot be written, or, before anything is truncated, if `position`
    is of another folder.
    """
    with _explained(folder):
        _refuse_links(folder)
        _refuse_foreign(folder, position)
        _empty_end(folder)
        for path in history_files(folder):
            _shorten(path, position.get(path.name, 0))
    _warn_of_gaps(folder, position)
    _warn_of_damage(folder)


def truncate_from(folder: Path, step: int) -> None:
    """Remove every event at `step` or later, for a checkpoint without a position.

    Events of an earlier step that were logged after the checkpoint (a picture at the end) stay. An incomplete
    last record is removed, other damage logged. Raise `TruncationFailed`.
    """
    with _explained(folder):
        _refuse_links(folder)
        _empty_end(folder)
        for path in history_files(folder):
            _keep_events(path, lambda event: event.step < step)


def warn_of_other_writers(folder: Path, step: int) -> None:
    """Warn about files of other writers, which stay as they are, with points at `step` or later.

    If the user's code logs them again, each of these steps is there twice.
    """
    for path in event_files(folder):
        if not path.name.endswith(OWN_SUFFIXES) and any(
            event.step >= step and event.HasField("summary") for event in read_events(path, lambda _: None)
        ):
            logger.warning(
                "%s is not sweepboard's and stays as it is: what your code logs again from step %d on "
                "will be there twice",
                *(path, step),
            )


def _refuse_links(folder: Path) -> None:
    for path in event_files(folder):
        if path.is_symlink():  # in a folder from elsewhere it could point to any file
            raise TruncationFailed(f"{path} is a link; a run that is resumed needs its own event files")


def _refuse_foreign(folder: Path, position: Mapping[str, int]) -> None:
    """Raise `TruncationFailed` unless the files in `position` exist, or only newer ones do.

    Names sort in the order in which the files were created.
    """
    files = history_files(folder)
    newest = max(position, default="")
    gone = any(position.values()) and not position.keys() <= {path.name for path in files}
    for path in files:
        if path.name not in position and (gone or path.name < newest):
            raise TruncationFailed(f"{path} belongs to another run than the checkpoint: move it elsewhere")


def _empty_end(folder: Path) -> None:
    for path in event_files(folder):
        if path.suffix == END_SUFFIX:
            _shorten(path, 0)


def _shorten(path: Path, size: int) -> None:
    if path.stat().st_size > size:
        with path.open("rb+") as file:
            file.truncate(size)
            os.fsync(file.fileno())


def keep_events(path: Path, wanted: Callable[[Event], bool]) -> None:
    """Remove all events of one file but those that are wanted. Raise `TruncationFailed`."""
    with _explained(path.parent):
        _keep_events(path, wanted)


def _keep_events(path: Path, wanted: Callable[[Event], bool]) -> None:
    faults: list[Damage] = []
    events = list(read_events(path, faults.append))
    kept = [event for event in events if wanted(event)]
    for fault in faults:
        warn(fault)
    if faults or len(kept) < len(events):
        write_atomic(path, b"".join(frame(event.SerializeToString()) for event in kept))


def _warn_of_damage(folder: Path) -> None:
    """Warn about records that do not match their checksums."""
    for path in history_files(folder):
        for block in blocks(path):
            sound_records(block)


def _warn_of_gaps(folder: Path, position: Mapping[str, int]) -> None:
    """Warn about missing bytes: a power cut may have lost the newest ones and kept the checkpoint."""
    sizes = {path.name: path.stat().st_size for path in history_files(folder)}
    if any(sizes.get(name, 0) < size for name, size in position.items()):
        logger.warning("the board in %s lacks points that were logged before the checkpoint", folder)


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise TruncationFailed(
            f"the board in {folder} cannot be truncated to the checkpoint: {reason}"
        ) from error
