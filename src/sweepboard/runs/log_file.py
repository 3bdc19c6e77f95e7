"""The log file `train.log`, with all messages and tracebacks of a run."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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


class _WithoutSecrets(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return without_known(super().format(record))


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Append all log messages of this process (info and above) to `path` during the block."""
    handler = _LogFile(path, encoding="utf-8", errors="backslashreplace", delay=True)
    handler.setFormatter(_WithoutSecrets("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.setLevel(logging.INFO)
    root = logging.getLogger()
    root.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
