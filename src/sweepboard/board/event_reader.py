"""Read every point of event files, of any writer.

TensorBoard's own readers down-sample and stop at the first damaged byte. These functions return every point
as it was written, and report damage.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from mmap import ACCESS_READ, mmap
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo
from tensorboard.plugins.scalar import metadata as scalar_metadata
from tensorboard.util.tensor_util import make_ndarray

from sweepboard.board.event_writer import event_files
from sweepboard.board.hparams import Hparam, status_name
from sweepboard.board.scalar_decoder import PointBuffer, Series, take_plain
from sweepboard.board.tfrecord import (
    BLOCK_BYTES,
    Block,
    Damage,
    Report,
    blocks,
    joined,
    records,
    sound_records,
    warn,
)


@dataclass(frozen=True)
class HparamsRow:
    """A run's row in the HParams table. Times are in seconds since 1970."""

    hparams: dict[str, Hparam]
    """Numbers are floats, as they are stored."""

    group: str
    started: float
    status: str | None = None
    """`finished`, `failed` or `unknown`; None if the run wrote no end."""

    ended: float | None = None


def read_events(path: Path, report: Report = warn) -> Iterator[Event]:
    """Yield every event of one file, in order. Raise OSError if the file cannot be read."""
    for offset, payload in records(path, report):
        event = _parse(payload, path, offset, report)
        if event is not None:
            yield event


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


def read_hparams(folder: Path, report: Report = warn) -> HparamsRow | None:
    """Return the run's row in the HParams table, or None if it has none. Raise OSError."""
    start, end = None, None
    for data in hparams_messages(folder, report):
        if data.HasField("session_start_info"):  # the first counts, as in TensorBoard
            start = start or data.session_start_info
        if data.HasField("session_end_info"):
            end = end or data.session_end_info
    if start is None:
        return None
    row = HparamsRow(_values(start), start.group_name, start.start_time_secs)
    return row if end is None else replace(row, status=status_name(end.status), ended=end.end_time_secs)


def hparams_messages(folder: Path, report: Report = warn) -> Iterator[HParamsPluginData]:
    """Yield every message for the HParams plug-in, in order. Raise OSError if a file cannot be read."""
    name = hparams_metadata.PLUGIN_NAME.encode()
    for path in event_files(folder):
        if not _mentions(path, name):  # most files do not, and are not parsed for it
            continue
        for offset, payload in records(path, report):
            event = _parse(payload, path, offset, report) if name in payload else None
            for value in event.summary.value if event is not None else ():
                plugin = value.metadata.plugin_data
                if plugin.plugin_name == hparams_metadata.PLUGIN_NAME:
                    with suppress(DecodeError):  # of another tool or a later version
                        yield HParamsPluginData.FromString(plugin.content)


_MOST_SEARCHED = 2**30
"""Maximum size, in bytes, of a file that is searched as a whole.

Larger ones, which may be sparse, are read record by record up to the first damage.
"""


def _mentions(path: Path, text: bytes) -> bool:
    with path.open("rb") as file:
        size = path.stat().st_size
        if not 0 < size < _MOST_SEARCHED:
            return size > 0
        with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            return content.find(text) >= 0


def _values(start: SessionStartInfo) -> dict[str, Hparam]:
    kinds = {name: value.WhichOneof("kind") for name, value in sorted(start.hparams.items())}
    plain = ("number_value", "string_value", "bool_value")
    return {name: getattr(start.hparams[name], kind) for name, kind in kinds.items() if kind in plain}


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
        # By folder and tag: only the first summary of a tag has to name the plug-in.
        self._plugins: dict[tuple[Path, str], str] = {}

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
            place = block.place(number)
            event = _parse(block.payload(number), *place, self._report)
            if event is not None:
                self._read(event, self._decoded + number, *place)
        self._decoded, self._size_decoded = self._records, self.size
        self._waiting.clear()

    def _read(self, event: Event, order: int, path: Path, offset: int) -> None:
        if self._purged and event.session_log.status == SessionLog.START:
            self._points.restart(order, event.step)
        folder = self._folders[bisect_right(self._starts, order) - 1]
        for value in event.summary.value:
            try:
                scalar = self._scalar(value, folder)
            except (TypeError, ValueError):  # a tensor of text, of many numbers, or of a type unknown
                self._report(Damage(path, offset, f"the scalar {value.tag} is no number and is left out"))
                continue
            if scalar is not None:
                self._points.add(value.tag, order, event.step, scalar, event.wall_time)

    def _scalar(self, value: Summary.Value, folder: Path) -> float | None:
        if name := value.metadata.plugin_data.plugin_name:
            self._plugins.setdefault((folder, value.tag), name)
        if value.HasField("simple_value"):
            return float(value.simple_value)
        if value.HasField("tensor") and self._plugins.get((folder, value.tag)) == scalar_metadata.PLUGIN_NAME:
            if any(dimension.size != 1 for dimension in value.tensor.tensor_shape.dim):
                raise ValueError  # before memory is allocated for the shape that it claims
            return float(make_ndarray(value.tensor).item())
        return None


def _parse(payload: bytes, path: Path, offset: int, report: Report) -> Event | None:
    try:
        return Event.FromString(payload)
    except DecodeError:
        report(Damage(path, offset, "a record that is no event is left out"))
        return None
