"""A file that a logger appends to, and that a resumed run continues where its checkpoint stood."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from sweepboard.files import write_atomic


class AppendedFile:
    """The file, with the part of a logger's state that tells how long it was."""

    def __init__(self) -> None:
        self._file: BinaryIO | None = None
        self._size: int | None = None  # at the checkpoint that the run goes on from

    def open(self, path: Path, resumed: bool, header: bytes, is_earlier: Callable[[bytes], bool]) -> None:
        """Open the file at `path`; a `resumed` run keeps what it held at the checkpoint.

        Where it does not tell, because that run had no such logger, the lines stay that are earlier.
        """
        before = path.read_bytes()[: self._size] if resumed and path.exists() else b""
        lines = before.splitlines(keepends=True)
        kept = lines if self._size is not None else [line for line in lines if is_earlier(line)]
        write_atomic(path, b"".join(kept) or header)
        self._file = path.open("ab")

    def write(self, content: bytes) -> None:
        self._open.write(content)

    def state_dict(self) -> dict[str, Any]:
        """Flush, and return the length of the file."""
        if self._file is not None and not self._file.closed:
            self._file.flush()
            return {"size": self._file.tell()}
        return {} if self._size is None else {"size": self._size}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._size = state["size"]

    def make_durable(self) -> None:
        os.fsync(self._open.fileno())

    def close(self) -> None:
        if self._file is not None:
            self._size = self._file.tell()
            self._file.close()

    @property
    def _open(self) -> BinaryIO:
        assert self._file is not None, "a logger is started before it logs"
        return self._file
