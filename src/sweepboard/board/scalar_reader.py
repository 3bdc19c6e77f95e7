"""Read every point of event files, of any writer.

TensorBoard's own readers down-sample and stop at the first damaged byte. These functions return every point
as it was written, and report damage.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sweepboard.board.event_names import event_files
from sweepboard.board.scalar_decoder import PointBuffer, Series, take_plain
from sweepboard.board.tfrecord import BLOCK_BYTES, Block, Report, blocks, joined, sound_records, warn

if TYPE_CHECKING:
    from sweepboard.board.event_scalars import EventScalars


def read_scalars(
    folder: Path, report: Report = warn, purged: bool = False, without: str | None = None
) -> dict[str, Series]:
    """Return every point of every scalar in the event files directly in `folder`, in the order written.

    Nothing is merged: a point that was written twice appears twice. `purged` drops the points that a writer
    declared void (`SummaryWriter(purge_step=100)`). Both kinds of scalars are read: plain values (torch,
    Lightning) and tensors of the scalars plug-in (TensorFlow, Keras). Files whose name ends in `without` are
    left out. Raise OSError if a file cannot be read.
    """
    [found] = read_scalars_of([folder], report, purged, without)
    if isinstance(found, OSError):
        raise found
    return found


def read_scalars_of(
    folders: Iterable[Path], report: Report = warn, purged: bool = False, without: str | None = None
) -> Iterator[dict[str, Series] | OSError]:
    """Yield the result of `read_scalars` for each folder, or the OSError with which it fails.

    Small files are decoded together, of many runs too: their records are alike.
    """
    reader = _ScalarReader(report, purged)
    for folder in folders:
        reader.start(folder)
        try:
            for path in event_files(folder):
                if without is None or not path.name.endswith(without):
                    reader.add(blocks(path, report))
        except OSError as error:
            reader.fail(error)
        if reader.size >= BLOCK_BYTES:
            yield from reader.results()
    yield from reader.results()


def read_scalars_by_file(folder: Path, report: Report = warn) -> dict[Path, dict[str, Series]]:
    """Return the result of `read_scalars` per event file, in the order in which TensorBoard reads them."""
    reader = _ScalarReader(report)
    files = event_files(folder)
    for path in files:
        reader.start(folder)
        reader.add(blocks(path, report))
    return dict(zip(files, reader.series(), strict=True))


class _ScalarReader:
    """Collects the scalars of runs, block by block; small blocks are decoded together."""

    def __init__(self, report: Report, purged: bool = False) -> None:
        self._report = report
        self._purged = purged
        self._clear()

    def _clear(self) -> None:
        self.size = 0
        """Bytes of the runs whose results are to come."""

        self._points = PointBuffer()
        self._waiting: list[Block] = []
        self._records = self._decoded = self._size_decoded = 0
        self._folders: list[Path] = []
        self._starts: list[int] = []  # the number of the first record of each run
        self._errors: dict[int, OSError] = {}
        self._parser: EventScalars | None = None

    def start(self, folder: Path) -> None:
        """Begin with a run, or with a further file of its folder that is a result of its own."""
        self._folders.append(folder)
        self._starts.append(self._records)

    def add(self, parts: Iterable[Block]) -> None:
        """Read blocks of the run that was started last."""
        for block in parts:
            self._waiting.append(block)
            self._records += len(block.spans)
            self.size += len(block.data)
            if self.size - self._size_decoded >= BLOCK_BYTES:
                self._decode()

    def fail(self, error: OSError) -> None:
        """Give up the run that was started last."""
        self._errors[len(self._starts) - 1] = error

    def results(self) -> Iterator[dict[str, Series] | OSError]:
        """Yield the scalars of each run that was started since the last call, or why it failed."""
        errors, series = self._errors, self.series()
        self._clear()
        yield from (errors.get(number, each) for number, each in enumerate(series))

    def series(self) -> list[dict[str, Series]]:
        """Return the scalars of each run."""
        self._decode()
        return self._points.series(self._starts)

    def _decode(self) -> None:
        block = joined(self._waiting)
        sound = sound_records(block, self._report)
        for number in take_plain(block, sound, self._decoded, self._points):
            order = self._decoded + number
            folder = self._folders[bisect_right(self._starts, order) - 1]
            self._parse(folder, order, *block.place(number), block.payload(number))
        self._decoded, self._size_decoded = self._records, self.size
        self._waiting.clear()

    def _parse(self, folder: Path, order: int, path: Path, offset: int, payload: bytes) -> None:
        from sweepboard.board.event_scalars import EventScalars, Found  # imports protobuf, which is slow

        if self._parser is None:
            self._parser = EventScalars(self._report, self._purged)
        self._parser.read(Found(folder, order, path, offset, payload), self._points)
