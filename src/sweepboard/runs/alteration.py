"""Whether the files of a run are still as sweepboard wrote them: someone may have edited them, or a disk."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from sweepboard.files import read_bytes
from sweepboard.formatting import printable
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import RunRecord
from sweepboard.runs.saved_run import SavedRun, config_in
from sweepboard.signing import Origin, origin

CHANGED = "changed by something else than sweepboard"

log = logging.getLogger(__name__)


def alteration(folder: RunFolder, record: RunRecord, values: dict[str, Any] | None = None) -> str | None:
    """Return which of run.json and config.yaml something but sweepboard has changed; None if neither.

    With the `values` of config.yaml, also return whether they are not what this user signed.
    """
    names = [folder.record.name] if record.altered else []
    names += [] if _config_fits(folder, record) else [folder.config.name]
    if values is not None and _origin(record, values) is Origin.CHANGED:
        what = _sentence(names or [folder.config.name])
        return f"{what} since you signed it, and is taken for someone else's"
    return _sentence(names) if names else None


def warn_of_alteration(saved: SavedRun) -> None:
    """Warn if something but sweepboard has changed the record or the configuration of `saved`."""
    warn_if_altered(saved.folder, saved.record, saved.config.values)


def warn_if_altered(folder: RunFolder, record: RunRecord, values: dict[str, Any] | None = None) -> None:
    """Warn of what `alteration` finds."""
    if what := alteration(folder, record, values):
        log.warning("%s: %s", printable(folder), what)


def _sentence(names: list[str]) -> str:
    return f"{' and '.join(names)} {'were' if len(names) > 1 else 'was'} {CHANGED}"


def _origin(record: RunRecord, values: dict[str, Any]) -> Origin:
    return origin(config_in(record, values).to_sign(), record.signature)


def _config_fits(folder: RunFolder, record: RunRecord) -> bool:
    """Return whether config.yaml has a recorded digest; also True if there is none, or no file to read."""
    try:
        digest = hashlib.sha256(read_bytes(folder.config)).hexdigest()
    except OSError:  # who needs the file says that it cannot be read
        return True
    return not record.config_sha256 or digest in record.config_sha256.split()
