"""How a job ended: by what its process did, and by what its own record says."""

from __future__ import annotations

import logging
import signal

from sweepboard.execution.pool import SERVER_LOST, TIME_LIMIT, Ended
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import (
    FAILED,
    FINISHED,
    INTERRUPTED,
    PRUNED,
    DamagedRecord,
    RunRecord,
    read_record,
)

log = logging.getLogger(__name__)

STOPPED = "the sweep was stopped"
"""Why the pool asks jobs to stop where not one of them is to blame."""


def record_of(folder: RunFolder) -> RunRecord | None:
    """The record of a job's run; None where there is none yet, or none that can be read."""
    try:
        return read_record(folder) if folder.record.is_file() else None
    except DamagedRecord:
        return None


def outcome(
    ended: Ended, record: RunRecord | None, said: str | None, time_limit: float | None
) -> tuple[str, str | None]:
    """State and reason of a job whose process has ended; `said` is the error that it told of itself."""
    status = record.status if record is not None else None
    if status in (FINISHED, PRUNED) and ended.code == 0:
        return str(status), record.reason if record else None
    if ended.asked == TIME_LIMIT:
        return FAILED, f"took longer than sweep.time_limit={time_limit:g} seconds"
    if said is not None:
        return FAILED, said
    if ended.asked is not None and ended.asked != SERVER_LOST:
        return INTERRUPTED, ended.asked
    if status == INTERRUPTED and ended.code > 0:
        return INTERRUPTED, record.reason if record else None
    return FAILED, _end_of_process(ended)


def _end_of_process(ended: Ended) -> str:
    if ended.asked == SERVER_LOST:
        return "killed with the job server of the sweep"
    if ended.code == -signal.SIGKILL:
        return "killed by SIGKILL (kill -9, or the system where memory ran out)"
    if ended.code < 0:
        return f"killed by {signal.Signals(-ended.code).name}"
    return f"its process ended with exit code {ended.code} before the training had"


def correct_record(folder: RunFolder, state: str, reason: str | None) -> None:
    """Enter the end of a job that could not do so itself, for everyone who looks into its folder."""
    record = record_of(folder) or RunRecord()
    if folder.path.is_dir() and (record.status, record.reason) != (state, reason):
        record.end(state, reason)
        try:
            record.write(folder)
        except OSError as error:
            log.warning("%s cannot be written: %s", folder.record, error.strerror or error)
