"""A logger of scalars in a table of text."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweepboard.loggers.appended_file import AppendedFile
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
        self._file = AppendedFile()

    def start(self, progress: Progress) -> None:
        def is_earlier(row: bytes) -> bool:
            return not row[:1].isdigit() or int(row.partition(b",")[0]) < progress.log_from

        path = (progress.folder or Path()) / NAME
        self._file.open(path, progress.step > 0, b"step,tag,value\n", is_earlier)

    def scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        rows = io.StringIO()
        csv.writer(rows, lineterminator="\n").writerows((step, tag, value) for tag, value in scalars.items())
        self._file.write(rows.getvalue().encode())

    def state_dict(self) -> dict[str, Any]:
        return self._file.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._file.load_state_dict(state)

    def make_durable(self) -> None:
        self._file.make_durable()

    def close(self, _: str) -> None:
        self._file.close()
