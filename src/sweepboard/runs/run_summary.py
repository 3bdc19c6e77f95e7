"""What a list of runs shows of one: a few entries of its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sweepboard.runs.alteration import alteration
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import RUNNING, DamagedRecord, read_record
from sweepboard.runs.run_index import Kind, indexed

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


def summaries(root: Path, folders: Sequence[RunFolder]) -> dict[Path, RunSummary]:
    """Return the summary of each of the runs below `root` by its folder."""
    kind = Kind(
        name="runs",
        form=" ".join(_FIELDS),
        files=lambda folder: (str(folder.record), str(folder.config)),
        read=lambda folders: map(read_summary, folders),
        packed=_packed,
        unpacked=_unpacked,
    )
    found = indexed(root, {str(folder.path.relative_to(root)): folder for folder in folders}, kind)
    return {folder.path: summary for folder, summary in zip(folders, found.values(), strict=True)}


_FIELDS = [each.name for each in fields(RunSummary)]


def _packed(summary: RunSummary) -> list[Any] | None:
    """Return the entries of a run that has ended."""
    values = [getattr(summary, name) for name in _FIELDS]
    return [list(each) if isinstance(each, tuple) else each for each in values] if summary.ended else None


def _unpacked(values: list[Any]) -> RunSummary:
    plain: list[Any] = [tuple(each) if isinstance(each, list) else each for each in values]
    return RunSummary(*plain)
