"""Read the events of event files, of any writer.

TensorBoard's own readers stop at the first damaged byte. These functions return every event as it was
written, and report damage.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from mmap import ACCESS_READ, mmap
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo

from sweepboard.board.event_names import event_files
from sweepboard.board.hparams import Hparam, status_name
from sweepboard.board.tfrecord import Damage, Report, records, warn


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
        event = parse(payload, path, offset, report)
        if event is not None:
            yield event


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
            event = parse(payload, path, offset, report) if name in payload else None
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


def parse(payload: bytes, path: Path, offset: int, report: Report) -> Event | None:
    """Return the event of a record; None, with a report, if it is none."""
    try:
        return Event.FromString(payload)
    except DecodeError:
        report(Damage(path, offset, "a record that is no event is left out"))
        return None
