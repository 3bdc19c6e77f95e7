"""The one writer of a run's event files.

Small and synchronous: a call appends a framed record to a buffer, and the buffer goes to the operating
system when it is large or old, or at `flush`. A disk that is full, read-only or gone never stops
training: it is told once, records are kept up to a limit, and writing goes on when it can.
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

from sweepboard.board.tfrecord import frame
from sweepboard.files import write_atomic

logger = logging.getLogger("sweepboard")

FLUSH_BYTES = 256 * 1024
FLUSH_SECONDS = 15.0
KEEP_BYTES = 32 * 1024 * 1024

START = ".start"
"""How the name of the file ends that holds what a run starts with: HParams row, layout, texts."""

END = ".hpend"
"""How the name of the file ends that says how the run ended. TensorBoard heeds only the first such message,
so a run that goes on must be able to take it back."""

LATER = ".test"
"""Of the file of a test that was asked for after the run, of weights that no resume changes any more."""

HISTORY = ".steps.0"
"""How the name of a file ends that holds what the run logs, step by step. Files that somebody else writes
into the folder (a `SummaryWriter` in the user's code) are not called so, and are never cut."""

_NAME = re.compile(r"events\.out\.tfevents\.(\d+)\.")


def event_files(folder: Path) -> list[Path]:
    """The event files directly in `folder`, in the order in which TensorBoard reads them."""
    return sorted(path for path in folder.iterdir() if "tfevents" in path.name and path.is_file())


def history_files(folder: Path) -> list[Path]:
    """Those event files that hold what the run logged, step by step."""
    return [path for path in event_files(folder) if path.name.endswith(HISTORY)]


def new_name(folder: Path, suffix: str = HISTORY) -> str:
    """A name for an event file that TensorBoard reads after all those in `folder`.

    The time in it is now, or one second later than the latest there (a second is the unit of these names, and
    clocks are sometimes set back).
    """
    stamps = [int(match[1]) for path in event_files(folder) if (match := _NAME.match(path.name))]
    stamp = max([int(time.time()), *(older + 1 for older in stamps)])
    return f"events.out.tfevents.{stamp:010d}.{socket.gethostname()}.{os.getpid()}{suffix}"


def write_event_file(folder: Path, suffix: str, summaries: Iterable[Summary], step: int = 0) -> Path:
    """A whole event file at once, with all its summaries at `step`. Raises OSError."""
    now = time.time()
    events = [_file_version(), *(Event(wall_time=now, step=step, summary=summary) for summary in summaries)]
    path = folder / new_name(folder, f".0{suffix}")
    write_atomic(path, b"".join(frame(event.SerializeToString()) for event in events))
    return path


def _file_version() -> Event:
    return Event(wall_time=time.time(), file_version="brain.Event:2")


class EventWriter:
    """Appends events to a new event file in `folder`.

    The file is made at the first flush. Its name sorts after every event file that is there, because
    TensorBoard reads the files of a run in that order. `purge_step`, which may be set until then, is the
    first step that this writer will write: a TensorBoard that is running drops what it holds from there on.
    No method raises an OSError.
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
        """One point of each tag, all in one event."""
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        self.add(step, Summary(value=values))

    def add(self, step: int, summary: Summary, wall_time: float | None = None) -> None:
        """A summary of any plugin at `step` (optimizer updates done)."""
        when = time.time() if wall_time is None else wall_time
        self.add_event(Event(wall_time=when, step=step, summary=summary))

    def add_event(self, event: Event) -> None:
        """Any event, such as one with a `graph_def`."""
        record = frame(event.SerializeToString())
        self._pending.append(record)
        self._pending_bytes += len(record)
        full = self._pending_bytes > FLUSH_BYTES and not self._refused
        if full or time.monotonic() > self._due:
            self.flush()

    def flush(self) -> None:
        """Hand everything to the operating system, where a kill of this process cannot lose it."""
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
        """Wait until the disk has what was flushed, against a power cut. Any thread may call this."""
        file = self._file
        try:
            if file is not None:
                os.fsync(file.fileno())
        except OSError as error:
            self.warn_once(error)
        except ValueError:  # closed in between: then the rest is in another file
            pass

    def position(self) -> dict[str, int]:
        """How far the history of this folder goes now: bytes of every event file (for `cut.cut_to`)."""
        self.flush()
        return dict(self._sizes)

    def close(self) -> None:
        """Flush and close; says so if some records never reached the disk."""
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
        """The open file, or a new one where there is none yet or ours was deleted."""
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
        """What makes the file an event file and, in this writer's first one, its first step."""
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
        """All of `data`, or an OSError and nothing of it: a torn record would hide what follows it."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            try:
                file.truncate(file.seek(self._sizes[self._name]))
            except OSError:  # then this file ends here, torn, and the next flush opens another
                file.close()
                self._file = None
            raise

    def _keep_what_fits(self) -> None:
        """Drop the oldest records that are too many to hold until the disk takes them."""
        while self._pending_bytes > KEEP_BYTES:
            self._pending_bytes -= len(self._pending.popleft())
            self._lost += 1

    def warn_once(self, error: OSError) -> None:
        """Say that the disk refuses, in one line, the first time only."""
        if not self._warned:
            reason = error.strerror or error
            logger.warning("cannot write the board in %s (%s); training goes on", self.folder, reason)
        self._warned = True
