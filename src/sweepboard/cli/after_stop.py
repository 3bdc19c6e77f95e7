"""What is saved of a run that was stopped or failed, and what to type to go on with it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from sweepboard.cli.summary import program
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import DamagedRecord, RunRecord, read_record
from sweepboard.runs.resume import Changed


@contextmanager
def telling_how_to_go_on(folder: RunFolder) -> Iterator[None]:
    """Add `advice` to whatever ends the block: lines that the command prints below its message."""
    try:
        yield
    except Changed:  # nothing was begun
        raise
    except BaseException as error:
        vars(error)["advice"] = _advice(folder, isinstance(error, KeyboardInterrupt))
        raise


def _advice(folder: RunFolder, interrupted: bool) -> list[str]:
    try:
        record = read_record(folder)
    except DamagedRecord:  # nothing of the run was written
        return ["nothing was saved yet; type the command again"] if interrupted else []
    command = shlex.join([program(), "resume", str(folder)])
    again = "go on" if record.checkpoint_step else "begin again"
    return [f"{_saved(record)}, in {folder}", f"{again}: {command}"]


def _saved(record: RunRecord) -> str:
    if not record.checkpoint_step:
        return "no checkpoint was saved yet"
    of = f" of {record.total_steps}" if record.total_steps else ""
    return f"saved: step {record.checkpoint_step}{of}"
