"""What a list of runs shows of one: a few entries of its record."""

from __future__ import annotations

from dataclasses import dataclass

from sweepboard.runs.alteration import alteration
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import RUNNING, DamagedRecord, read_record

DAMAGED = "damaged"
"""The status of a run whose record cannot be read."""


@dataclass(frozen=True)
class RunSummary:
    """The entries of a record that a list shows."""

    status: str
    """Its true status, or `DAMAGED`."""

    started: float
    ended: bool = False
    """Whether its record says how it ended; then that stays so until it is written again."""

    seconds: float = 0.0
    epoch: float = 0.0
    primary_metric: str | None = None
    best: float | None = None
    """The best value of the primary metric; None before the first validation."""

    tags: tuple[str, ...] = ()
    note: str = ""
    overrides: tuple[str, ...] = ()
    damage: str | None = None
    """Why the record cannot be read, or what something else than sweepboard has changed."""

    host: str = ""
    """Where it runs, if its process cannot be seen from here."""


def read_summary(folder: RunFolder) -> RunSummary:
    """Return the summary of a run from its own files. One with a damaged record began when it was written."""
    try:
        record = read_record(folder)
    except DamagedRecord as error:
        return RunSummary(DAMAGED, folder.last_written, damage=str(error))
    status = record.true_status
    return RunSummary(
        status=status,
        started=record.started,
        ended=record.status != RUNNING,
        seconds=record.seconds,
        epoch=record.epoch,
        primary_metric=record.primary_metric,
        best=record.best.get(record.primary_metric or ""),
        tags=tuple(record.tags),
        note=record.note,
        overrides=tuple(record.overrides),
        damage=alteration(folder, record),
        host=record.host if status == RUNNING and record.process.lives is None else "",
    )
