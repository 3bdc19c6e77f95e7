"""A logger of scalars in a table of text."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sweepboard.files import write_atomic
from sweepboard.training.logger import Logger

if TYPE_CHECKING:
    from sweepboard.training.progress import Progress

NAME = "metrics.csv"


class CSV(Logger):
    """Writes `metrics.csv` into the folder of the run: a row `step,tag,value` for each point.

    `pandas.read_csv(...).pivot(index="step", columns="tag", values="value")` gives a column for each tag.
    """

    may_fail = True  # a full disk ends the table, not the run

    def __init__(self) -> None:
        self._file: BinaryIO | None = None
        self._size: int | None = None  # of the table at the checkpoint that the run goes on from

    def start(self, progress: Progress) -> None:
        path = (progress.folder or Path()) / NAME
        kept = _kept(path, self._size, progress.log_from) if progress.step else b""
        write_atomic(path, kept or b"step,tag,value\n")
        self._file = path.open("ab")

    def scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        rows = io.StringIO()
        csv.writer(rows, lineterminator="\n").writerows((step, tag, value) for tag, value in scalars.items())
        self._open.write(rows.getvalue().encode())

    def state_dict(self) -> dict[str, Any]:
        if self._file is None or self._file.closed:
            return {} if self._size is None else {"size": self._size}
        self._file.flush()
        return {"size": self._file.tell()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._size = state["size"]

    def make_durable(self) -> None:
        os.fsync(self._open.fileno())

    def close(self, _: str) -> None:
        if self._file is not None:
            self._size = self._file.tell()
            self._file.close()

    @property
    def _open(self) -> BinaryIO:
        assert self._file is not None, "a logger is started before it logs"
        return self._file


def _kept(path: Path, size: int | None, log_from: int) -> bytes:
    """Return what stays of an earlier table: up to its `size`, or up to its step if that is not known."""
    lines = path.read_bytes()[:size].splitlines(keepends=True) if path.exists() else []
    if size is None:
        lines = [line for line in lines if not line[:1].isdigit() or int(line.partition(b",")[0]) < log_from]
    return b"".join(lines)
