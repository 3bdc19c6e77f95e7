"""train.log: everything a run had to say, tracebacks too."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sweepboard.secrets import without_known

LOGGER = logging.getLogger("sweepboard")


class _LogFile(logging.FileHandler):
    """A log file that says once that it cannot be written (disk full, folder gone), not once per line."""

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
        with suppress(OSError):  # what could not be written then cannot be now
            super().close()


class _WithoutSecrets(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return without_known(super().format(record))


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Append what is logged anywhere in this process (info and above) to `path` while the block runs."""
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
