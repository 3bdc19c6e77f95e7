"""Temporary folders, removed at the end; those of killed processes are removed by the next one."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sweepboard.file_locks import lock

NEW = 60.0
"""Seconds in which a new folder may not have been locked yet by its process."""


@contextmanager
def scratch_folder(prefix: str, within: Path | None = None) -> Iterator[Path]:
    """Make a private temporary folder below `within` (default: the system's), removed after the block.

    Folders of the same prefix that killed processes have left are removed first.
    """
    parent = within or Path(tempfile.gettempdir())
    _remove_abandoned(parent, prefix)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent, ignore_cleanup_errors=True) as made:
        handle = os.open(made, os.O_RDONLY)
        try:
            lock(handle)  # freed by the kernel, however this process ends
            yield Path(made)
        finally:
            os.close(handle)


def _remove_abandoned(parent: Path, prefix: str) -> None:
    for path in parent.glob(f"{prefix}*"):
        with suppress(OSError):  # somebody else was quicker
            if _is_abandoned(path):
                shutil.rmtree(path, ignore_errors=True)


def _is_abandoned(path: Path) -> bool:
    """Return whether a folder is this user's, not new, and not held by a living process.

    It is not where nothing can be locked, since nothing tells that it is no longer used.
    """
    found = path.lstat()
    if found.st_uid != os.geteuid() or time.time() < found.st_mtime + NEW:
        return False
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        return lock(handle) is True
    finally:
        os.close(handle)
