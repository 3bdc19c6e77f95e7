"""Read scalars from single events with the protobuf parser: those that are not plain."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tensorboard.compat.proto.event_pb2 import SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.scalar import metadata as scalar_metadata

from sweepboard.board.event_reader import parse
from sweepboard.board.scalar_decoder import PointBuffer
from sweepboard.board.tfrecord import Damage, Report


class Found(NamedTuple):
    """A record and its place."""

    folder: Path
    order: int
    """Its number among all that are read."""

    path: Path
    offset: int
    payload: bytes


class EventScalars:
    """Reads the scalars of events in the order written."""

    def __init__(self, report: Report, purged: bool) -> None:
        self._report, self._purged = report, purged
        # By folder and tag: only the first summary of a tag has to name the plug-in.
        self._plugins: dict[tuple[Path, str], str] = {}

    def read(self, record: Found, points: PointBuffer) -> None:
        """Add the points of a record to `points`."""
        event = parse(record.payload, record.path, record.offset, self._report)
        if event is None:
            return
        if self._purged and event.session_log.status == SessionLog.START:
            points.restart(record.order, event.step)
        for value in event.summary.value:
            try:
                scalar = self._scalar(value, record.folder)
            except (TypeError, ValueError):  # a tensor of text, of many numbers, or of a type unknown
                what = f"the scalar {value.tag} is no number and is left out"
                self._report(Damage(record.path, record.offset, what))
                continue
            if scalar is not None:
                points.add(value.tag, record.order, event.step, scalar, event.wall_time)

    def _scalar(self, value: Summary.Value, folder: Path) -> float | None:
        if name := value.metadata.plugin_data.plugin_name:
            self._plugins.setdefault((folder, value.tag), name)
        if value.HasField("simple_value"):
            return float(value.simple_value)
        if value.HasField("tensor") and self._plugins.get((folder, value.tag)) == scalar_metadata.PLUGIN_NAME:
            if any(dimension.size != 1 for dimension in value.tensor.tensor_shape.dim):
                raise ValueError  # before memory is allocated for the shape that it claims
            from tensorboard.util.tensor_util import make_ndarray  # imports fsspec

            return float(make_ndarray(value.tensor).item())
        return None
