"""The log file `train.log`, with all messages and tracebacks of a run."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO, cast

from sweepboard.secrets import without_known

LOGGER = logging.getLogger("sweepboard")


class _LogFile(logging.FileHandler):
    """A log file that warns once if it cannot be written (disk full, folder gone)."""

    said = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:  # the first line opens the file
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        if not self.said:
            self.said = True
            error = sys.exc_info()[1]
            reason = getattr(error, "strerror", None) or error
            print(f"warning: {self.baseFilename} cannot be written ({reason})", file=sys.stderr)

    def close(self) -> None:
        with suppress(OSError):  # what could not be written before cannot be written now
            super().close()


class _OfOthers(logging.Filter):
    """Lets messages of other loggers than sweepboard's own through."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.name.partition(".")[0] != LOGGER.name


class _WithoutSecrets(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return without_known(super().format(record))


class _Copied(io.TextIOBase):
    """A text stream that passes on to `stream` and to a file what is written to it."""

    def __init__(self, stream: TextIO, file: TextIO) -> None:
        self._stream, self._file = stream, file

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):  # a full disk, or a thread that outlives the run
            self._file.write(without_known(text))
            self._file.flush()
        return self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


@contextmanager
def printed_to(path: Path) -> Iterator[None]:
    """Append to `path` too what is printed to standard output, and let INFO messages of all loggers through.

    Where the output goes to that file already, as in a job of a sweep, it is not copied.
    """
    root = logging.getLogger()
    level = root.level
    root.setLevel(min(level, logging.INFO))
    try:
        with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            if _is_same_file(sys.stdout, file):
                yield
            else:
                with redirect_stdout(cast(TextIO, _Copied(sys.stdout, file))):
                    yield
    finally:
        root.setLevel(level)


def _is_same_file(stream: TextIO, file: TextIO) -> bool:
    try:
        return os.path.sameopenfile(stream.fileno(), file.fileno())
    except (OSError, ValueError):  # no file at all, as in a notebook
        return False


def keep_off_hydras_console() -> None:
    """Let the console that Hydra sets up for a training function show the messages of others only.

    It stays after the run. It is not done in YAML: Hydra 1.4 wants to be told of every class that a logging
    configuration names.
    """
    for handler in logging.getLogger().handlers:
        if handler.name == "console" and not any(isinstance(each, _OfOthers) for each in handler.filters):
            handler.addFilter(_OfOthers())


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Append all log messages of this process (info and above) to `path` during the block."""
    handler = _LogFile(path, encoding="utf-8", errors="backslashreplace", delay=True)
    handler.setFormatter(_WithoutSecrets("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.setLevel(logging.INFO)
    keep_off_hydras_console()
    root = logging.getLogger()
    root.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
