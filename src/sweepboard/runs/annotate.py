"""Tags and the note of a run: what its user writes into its record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from sweepboard.errors import UserError
from sweepboard.files import writing
from sweepboard.runs.alteration import warn_if_altered
from sweepboard.runs.folder import open_run
from sweepboard.runs.lock import only_writer
from sweepboard.runs.record import RunRecord, read_record

_TAG = re.compile(r"[\w.:+-]+")


def check_tags(tags: Sequence[str]) -> None:
    """Raise `UserError` for a tag that is no single word."""
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise UserError(f"{tag!r} is no tag: a tag is one word of letters, digits and . : + - _")


@contextmanager
def annotated(path: str | Path, write: bool = True) -> Iterator[RunRecord]:
    """Yield the record of a run, and write it after the block if `write`.

    Raise `FolderLocked` if the run is running: its process will write the record itself.
    """
    folder = open_run(path)
    with only_writer(folder) if write else nullcontext():
        record = read_record(folder)
        warn_if_altered(folder, record)
        yield record
        if write:
            with writing(folder.path):
                record.write(folder)
