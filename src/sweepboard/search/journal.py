"""Write the log of an Optuna study into the sweep's folder: one line per operation, in Optuna's format.

Optuna's own file backend locks the file because many processes may write. Here one process holds the folder,
and the log must stay usable after a kill at any moment.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend

from sweepboard.errors import RunFailed, UserError, reason
from sweepboard.files import read_bytes
from sweepboard.signing import is_own, sign

_PICKLED = "cma:"
"""Prefix of the attributes with CMA-ES's pickled state; only a state of our own is ever read."""

_SIGNATURE = "signature"
_CHECK = "check"
"""Keys of a line that are ours and not Optuna's."""


_MOST_BYTES = 256 * 2**20


class DamagedStudy(UserError):
    """A log of a study that cannot be read, or was changed."""


class Journal(BaseJournalBackend):
    """Append operations to `path`; each is synced to disk before the next one is made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._lines = _whole_lines(path) if path.exists() else []
        except (OSError, ValueError) as error:
            raise DamagedStudy(f"{path} cannot be read: {reason(error)}") from error

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Return the operations from that number on."""
        for number, line in enumerate(self._lines[log_number_from:], start=log_number_from + 1):
            yield self._read(line, number)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write operations to the log. Raise `RunFailed` if the disk is full."""
        first = len(self._lines) + 1
        lines = [_line(log, number) for number, log in enumerate(logs, start=first)]
        size = self._path.stat().st_size if self._path.exists() else 0
        try:
            with self._path.open("ab") as file:
                file.write("".join(f"{line}\n" for line in lines).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if self._path.exists():
                os.truncate(self._path, size)
            raise RunFailed(f"{self._path} cannot be written: {error.strerror or error}") from error
        self._lines += lines

    def _read(self, line: str, number: int) -> dict[str, Any]:
        try:
            log: dict[str, Any] = json.loads(line)
            signature, check = log.pop(_SIGNATURE, None), log.pop(_CHECK, None)
        except (ValueError, AttributeError, TypeError, RecursionError) as error:
            raise DamagedStudy(f"{self._path}, line {number} cannot be read: {reason(error)}") from error
        if _pickled(log) and not is_own(_bytes(log), signature):
            raise DamagedStudy(
                f"{self._path}, line {number} holds a state of CMA-ES that is not your own: "
                "it could run anything; start a new search"
            )
        if check != _checksum(log, number):
            raise DamagedStudy(
                f"{self._path}, line {number} is not what was written there: put the file back, or start a "
                "new search"
            )
        return log


def _whole_lines(path: Path) -> list[str]:
    """Return the lines of the log, without an incomplete last line that a kill has left."""
    whole, newline, rest = read_bytes(path, _MOST_BYTES).rpartition(b"\n")
    if rest:
        os.truncate(path, len(whole + newline))
    return [line.decode() for line in whole.split(b"\n") if line]


def _line(log: dict[str, Any], number: int) -> str:
    return json.dumps({**_signed(log), _CHECK: _checksum(log, number)}, separators=(",", ":"))


def _checksum(log: dict[str, Any], number: int) -> int:
    """Return the checksum of an operation and its position, to detect changed, missing or repeated lines."""
    return zlib.crc32(_bytes(log), number)


def _signed(log: dict[str, Any]) -> dict[str, Any]:
    return {**log, _SIGNATURE: sign(_bytes(log))} if _pickled(log) else log


def _pickled(log: dict[str, Any]) -> bool:
    parts = [part for part in log.values() if isinstance(part, dict)]
    return any(str(name).startswith(_PICKLED) for part in parts for name in part)


def _bytes(log: dict[str, Any]) -> bytes:
    return json.dumps(log, sort_keys=True).encode()
