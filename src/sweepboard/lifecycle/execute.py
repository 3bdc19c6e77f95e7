"""One run, from its checked configuration to its finished record."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from sweepboard.compose.build import build
from sweepboard.compose.prepare import Prepared
from sweepboard.lifecycle.folder import RunFolder
from sweepboard.lifecycle.lock import only_writer
from sweepboard.lifecycle.logs import logged_to
from sweepboard.lifecycle.provenance import write_provenance
from sweepboard.lifecycle.record import RunRecord
from sweepboard.training.loop import Progress
from sweepboard.training.observer import Observer

log = logging.getLogger(__name__)


def execute(
    prepared: Prepared, folder: RunFolder, record: RunRecord, watchers: Sequence[Observer] = ()
) -> Progress:
    """Train what `prepared` says in the claimed `folder`; its record is right after any end."""
    with only_writer(folder), logged_to(folder.log), recorded(record, folder):
        save_config(prepared, folder)
        write_provenance(folder, Path.cwd())
        experiment = build(prepared)
