"""Write a run's event files.

Writing is synchronous: a call appends a framed record to a buffer, and the buffer is handed to the operating
system when it is large or old, or at `flush`. A disk that is full, read-only or gone never stops training:
one warning is logged, records are buffered up to a limit, and writing continues when it is possible again.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary

from sweepboard.board.event_names import event_files
from sweepboard.board.tfrecord import frame
from sweepboard.files import write_atomic

logger = logging.getLogger("sweepboard")

FLUSH_BYTES = 256 * 1024
FLUSH_SECONDS = 15.0
KEEP_BYTES = 32 * 1024 * 1024

START_SUFFIX = ".start"
"""File name suffix for what a run starts with: HParams row, layout, texts."""

END_SUFFIX = ".hpend"
"""File name suffix for the status at the end.

TensorBoard reads only the first such message, so a resumed run must be able to delete it.
"""

TEST_SUFFIX = ".test"
"""File name suffix for a test after the end of the run."""

HISTORY_SUFFIX = ".steps.0"
"""File name suffix for what the run logs, step by step.

Files of other writers in the folder (a `SummaryWriter` in the user's code) have other names and are never
truncated.
"""

OWN_SUFFIXES = (START_SUFFIX, END_SUFFIX, TEST_SUFFIX, HISTORY_SUFFIX)

_NAME = re.compile(r"events\.out\.tfevents\.(\d+)\.")


def history_files(folder: Path) -> list[Path]:
    """Return the event files with what the run logged, step by step."""
    return [path for path in event_files(folder) if path.name.endswith(HISTORY_SUFFIX)]


def remove_empty(folder: Path) -> None:
    """Remove empty event files, once a later file has something to read. Raise OSError."""
    for path in event_files(folder):
        if path.stat().st_size == 0:
            path.unlink()


def new_name(folder: Path, suffix: str = HISTORY_SUFFIX) -> str:
    """Return a name for an event file that TensorBoard reads after all others in `folder`.

    Its timestamp is now, or one second after the latest in the folder: a second is the unit of these names,
    and clocks are sometimes set back.
    """
    stamps = [int(match[1]) for path in event_files(folder) if (match := _NAME.match(path.name))]
    stamp = max([int(time.time()), *(older + 1 for older in stamps)])
    return f"events.out.tfevents.{stamp:010d}.{socket.gethostname()}.{os.getpid()}{suffix}"


def write_event_file(folder: Path, suffix: str, summaries: Iterable[Summary], step: int = 0) -> Path:
    """Write a complete event file with all `summaries` at `step`. Raise OSError."""
    now = time.time()
    events = [_file_version(), *(Event(wall_time=now, step=step, summary=summary) for summary in summaries)]
    path = folder / new_name(folder, f".0{suffix}")
    write_atomic(path, b"".join(frame(event.SerializeToString()) for event in events))
    return path


def _file_version() -> Event:
    return Event(wall_time=time.time(), file_version="brain.Event:2")


class EventWriter:
    """Appends events to a new event file in `folder`.

    The file is created at the first flush. Its name sorts after every event file in the folder, because
    TensorBoard reads the files of a run in that order. `purge_step`, which may be set until the first flush,
    is the first step that this writer will write: a running TensorBoard drops the points from there on. No
    method raises an OSError.
    """

    def __init__(self, folder: Path | str, purge_step: int = 0) -> None:
        self.folder = Path(folder)
        self.purge_step = purge_step
        self._file: FileIO | None = None
        self._name = ""
        self._sizes: dict[str, int] = {}  # bytes of whole records in each event file, ours the last
        self._pending: deque[bytes] = deque()
        self._pending_bytes = self._lost = 0
        self._due = time.monotonic() + FLUSH_SECONDS
        self._started = self._refused = self._warned = False

    def add_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Add one point of each tag, all in one event."""
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        self.add(step, Summary(value=values))

    def add(self, step: int, summary: Summary, wall_time: float | None = None) -> None:
        """Add a summary of any plug-in at `step`, in optimizer updates."""
        when = time.time() if wall_time is None else wall_time
        self.add_event(Event(wall_time=when, step=step, summary=summary))

    def add_event(self, event: Event) -> None:
        """Add any event, such as one with a `graph_def`."""
        record = frame(event.SerializeToString())
        self._pending.append(record)
        self._pending_bytes += len(record)
        full = self._pending_bytes > FLUSH_BYTES and not self._refused
        if full or time.monotonic() > self._due:
            self.flush()

    def flush(self) -> None:
        """Hand everything to the operating system, so that killing this process cannot lose it."""
        self._due = time.monotonic() + FLUSH_SECONDS
        try:
            file = self._usable_file()
            self._write_pending(file)
            self._refused = False
        except OSError as error:
            self._refused = True
            self._keep_what_fits()
            self.warn_once(error)

    def sync(self) -> None:
        """Wait until flushed data are on disk, so that a power cut cannot lose them; thread-safe."""
        file = self._file
        try:
            if file is not None:
                os.fsync(file.fileno())
        except OSError as error:
            self.warn_once(error)
        except ValueError:  # closed in between: the rest is in another file
            pass

    def position(self) -> dict[str, int]:
        """Flush, and return the size in bytes of every history file (for `truncate_to`)."""
        self.flush()
        return dict(self._sizes)

    def close(self) -> None:
        """Flush and close; warn if some records never reached the disk."""
        self.flush()
        self._lost += len(self._pending)
        self._pending.clear()
        if self._lost:
            logger.warning(
                "the board in %s lacks %d records that could not be written", self.folder, self._lost
            )
        if self._file is not None:
            with suppress(OSError):  # a network disk may refuse only now
                self._file.close()
            self._file = None

    def _usable_file(self) -> FileIO:
        """Return the open file, or a new one if there is none yet or it was deleted."""
        if self._file is not None and os.fstat(self._file.fileno()).st_nlink == 0:
            self._file.close()
            self._file = None
        return self._open() if self._file is None else self._file

    def _open(self) -> FileIO:
        self._sizes = {path.name: path.stat().st_size for path in history_files(self.folder)}
        self._name = new_name(self.folder)
        self._file = FileIO(self.folder / self._name, "x")
        self._sizes[self._name] = 0
        return self._file

    def _header(self) -> bytes:
        """Return the file header and, in the first file of this writer, its first step."""
        events = [_file_version()]
        if not self._started:
            start = SessionLog(status=SessionLog.START)
            events.append(Event(wall_time=time.time(), step=self.purge_step, session_log=start))
        return b"".join(frame(event.SerializeToString()) for event in events)

    def _write_pending(self, file: FileIO) -> None:
        header = b"" if self._sizes[self._name] else self._header()
        data = header + b"".join(self._pending)
        self._write_whole(file, data)
        self._sizes[self._name] += len(data)
        self._started = True
        self._pending.clear()
        self._pending_bytes = 0

    def _write_whole(self, file: FileIO, data: bytes) -> None:
        """Write all of `data`, or raise OSError and undo it: a torn record would hide what follows."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            try:
                file.truncate(file.seek(self._sizes[self._name]))
            except OSError:  # this file stays torn, and the next flush opens another
                file.close()
                self._file = None
            raise

    def _keep_what_fits(self) -> None:
        """Drop the oldest records above the limit of the buffer."""
        while self._pending_bytes > KEEP_BYTES:
            self._pending_bytes -= len(self._pending.popleft())
            self._lost += 1

    def warn_once(self, error: OSError) -> None:
        """Log the first failure to write, in one line."""
        if not self._warned:
            reason = error.strerror or error
            logger.warning("cannot write the board in %s (%s); training goes on", self.folder, reason)
        self._warned = True
