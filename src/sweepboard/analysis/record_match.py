"""Whether the curves of a finished run hold the last and the best metrics of its record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sweepboard.formatting import some
from sweepboard.metric_names import tag_of
from sweepboard.runs.record import RunRecord
from sweepboard.training.ending import FINISHED


def difference_from_record(record: RunRecord, curves: Mapping[str, npt.NDArray[Any]]) -> str | None:
    """Return how the values of the curves, sorted by step, differ from run.json; None if they do not.

    An event file that was cut at the end of a record looks like a whole one, and one that was deleted like
    that of a run that logged nothing.
    """
    if record.status != FINISHED:
        return None
    last = {tag for tag, value in record.metrics.items() if not _holds(curves.get(tag, _NONE)[-1:], value)}
    best = {tag_of(name): value for name, value in record.best.items()}
    tags = sorted(last | {tag for tag, value in best.items() if not _holds(curves.get(tag, _NONE), value)})
    return (
        f"its event files and its run.json differ in {some(tags)}: one was cut or changed" if tags else None
    )


def _holds(values: npt.NDArray[Any], value: float) -> bool:
    """Whether one of the values, numbers of 32 bits in an event file, is `value`."""
    with np.errstate(over="ignore"):  # beyond the range of 32 bits is infinity in the file, too
        wanted, found = np.float32(value), values.astype(np.float32)
    return bool(np.any(found == wanted) or (np.isnan(wanted) and np.any(np.isnan(found))))


_NONE: npt.NDArray[Any] = np.array([])
