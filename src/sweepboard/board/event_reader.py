"""Read every point of event files, of any writer.

TensorBoard's own readers down-sample and stop at the first damaged byte. These functions return every point
as it was written, and report damage.
"""

from __future__ import annotations

from collections.abc import Iterator
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
from sweepboard.board.tfrecord import Block, Damage, Report, blocks, records, sound_records, warn


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
    reader = _ScalarReader(report, purged)
    for path in event_files(folder):
        if without is not None and path.name.endswith(without):
            continue
        for block in blocks(path, report):
            reader.read(block)
    return reader.points.series()


def read_scalars_by_file(folder: Path, report: Report = warn) -> dict[Path, dict[str, Series]]:
    """Return the result of `read_scalars` per event file, in the order in which TensorBoard reads them."""
    reader = _ScalarReader(report)
    found = {}
    for path in event_files(folder):
        reader.points = PointBuffer()
        for block in blocks(path, report):
            reader.read(block)
        found[path] = reader.points.series()
    return found


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
    """Collects the scalars of a run, block by block."""

    def __init__(self, report: Report, purged: bool = False) -> None:
        self.points = PointBuffer()
        self._report = report
        self._purged = purged
        self._plugins: dict[str, str] = {}  # by tag: only its first summary has to name the plug-in
        self._records = 0

    def read(self, block: Block) -> None:
        sound = sound_records(block, self._report)
        for number in take_plain(block, sound, self._records, self.points):
            place = block.path, block.offset(number)
            event = _parse(block.payload(number), *place, self._report)
            if event is not None:
                self._read(event, self._records + number, *place)
        self._records += len(block.spans)

    def _read(self, event: Event, order: int, path: Path, offset: int) -> None:
        if self._purged and event.session_log.status == SessionLog.START:
            self.points.restart(order, event.step)
        for value in event.summary.value:
            try:
                scalar = self._scalar(value)
            except (TypeError, ValueError):  # a tensor of text, of many numbers, or of a type unknown
                self._report(Damage(path, offset, f"the scalar {value.tag} is no number and is left out"))
                continue
            if scalar is not None:
                self.points.add(value.tag, order, event.step, scalar, event.wall_time)

    def _scalar(self, value: Summary.Value) -> float | None:
        if name := value.metadata.plugin_data.plugin_name:
            self._plugins.setdefault(value.tag, name)
        if value.HasField("simple_value"):
            return float(value.simple_value)
        if value.HasField("tensor") and self._plugins.get(value.tag) == scalar_metadata.PLUGIN_NAME:
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
