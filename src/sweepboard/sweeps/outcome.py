"""Decide how a job ended, from its process's exit and the run's own record."""

from __future__ import annotations

import logging
import signal

from sweepboard.execution import LOST, TIME_LIMIT, Ended
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import DamagedRecord, RunRecord, read_record
from sweepboard.stop_signals import STOP_SIGNALS
from sweepboard.training.ending import FAILED, FINISHED, INTERRUPTED, PRUNED
from sweepboard.training.signals import Interrupted

log = logging.getLogger(__name__)

STOPPED = "the sweep was stopped"
"""The reason of jobs that are stopped for a cause outside of them."""


def record_of(folder: RunFolder) -> RunRecord | None:
    """Return the record of a job's run; None if it is missing or unreadable."""
    try:
        return read_record(folder) if folder.record.is_file() else None
    except DamagedRecord:
        return None


def outcome(
    ended: Ended, record: RunRecord | None, said: str | None, time_limit: float | None
) -> tuple[str, str | None]:
    """Return the final state of a job, and the reason; `said` is the error that the job reported."""
    status = record.status if record is not None else None
    if status in (FINISHED, PRUNED) and ended.code in (0, None):
        return str(status), record.reason if record else None
    if ended.error is not None:
        return FAILED, ended.error
    if ended.stop_reason == TIME_LIMIT:
        return FAILED, f"took longer than sweep.time_limit={time_limit:g} seconds"
    if said is not None:
        return FAILED, said
    if ended.stop_reason is not None and ended.stop_reason != LOST:
        return INTERRUPTED, ended.stop_reason
    if status == INTERRUPTED and (ended.code is None or ended.code > 0):
        return INTERRUPTED, record.reason if record else None
    if ended.code is not None and -ended.code in STOP_SIGNALS:  # too early or too late to be handled
        return INTERRUPTED, str(Interrupted(-ended.code))
    return FAILED, _end_of_process(ended)


def _end_of_process(ended: Ended) -> str:
    if ended.stop_reason == LOST:
        return "lost with the process, or the machine, that ran it for the sweep"
    if ended.code is None:
        return "process ended before training finished"
    if ended.code == -signal.SIGKILL:
        return "killed by SIGKILL (kill -9, or the system where memory ran out)"
    if ended.code < 0:
        return f"killed by {signal.Signals(-ended.code).name}"
    return f"process exited with code {ended.code} before training finished"


def correct_record(folder: RunFolder, state: str, reason: str | None) -> None:
    """Write the end of a job into its record if the job could not do so itself."""
    record = record_of(folder) or RunRecord()
    if folder.path.is_dir() and (record.status, record.reason) != (state, reason):
        record.end(state, reason)
        try:
            record.write(folder)
        except OSError as error:
            log.warning("%s cannot be written: %s", folder.record, error.strerror or error)
