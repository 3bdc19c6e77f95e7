"""An index of runs that have ended, so that a list of them reads one file and not two files of each run.

It lies in the user's own cache: a folder from elsewhere could bring a false one with it, or be read-only. It
is never trusted blindly. An entry counts while the files it was read from are the same by device, inode,
size and times, and runs that have not ended are always read anew. It may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from sweepboard.errors import reason
from sweepboard.files import read_text, user_cache, write_atomic
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.run_summary import RunSummary, read_summary
from sweepboard.version import __version__

log = logging.getLogger(__name__)

FEWEST = 20
"""Minimum number of runs for which an index is kept."""

SETTLED = 2.0
"""Seconds from the last change of a file until it is indexed: two changes may be given the same time."""

KEPT = 90 * 86400
"""Seconds after which an index that was not written again is deleted."""

_MOST_BYTES = 2**26
_FIELDS = [each.name for each in fields(RunSummary)]
_HEADER = f"sweepboard {__version__} {' '.join(_FIELDS)}"
"""The first line, so that no other version's index is read."""


def summaries(root: Path, folders: Sequence[RunFolder]) -> dict[Path, RunSummary]:
    """Return the summary of each of the runs below `root` by its folder."""
    if len(folders) < FEWEST:
        return {folder.path: read_summary(folder) for folder in folders}
    index = _Index(root)
    found = {folder.path: index.summary(folder) for folder in folders}
    index.save()
    return found


class _Index:
    """The saved summaries of the runs below a folder, by their relative path, each with `_state`."""

    def __init__(self, root: Path) -> None:
        self._root, self._path = root, _place(root)
        self._known = {} if self._path is None else _read(self._path)
        self._kept: dict[str, Any] = {}
        self._new = False

    def summary(self, folder: RunFolder) -> RunSummary:
        """Return the summary of a run: the saved one if its files are still those that it was read from."""
        name, state = str(folder.path.relative_to(self._root)), _state(folder)
        saved = self._known.get(name)
        if state is not None and saved is not None and saved[0] == state:
            self._kept[name] = saved
            values: list[Any] = [tuple(each) if isinstance(each, list) else each for each in saved[1]]
            return RunSummary(*values)
        summary = read_summary(folder)
        if summary.ended and state is not None and _is_settled(state) and state == _state(folder):
            self._kept[name] = [state, [getattr(summary, field) for field in _FIELDS]]
            self._new = True
        return summary

    def save(self) -> None:
        """Write the index if it has changed. Of two concurrent processes, the later one's is kept."""
        if self._path is None or not (self._new or self._kept.keys() < self._known.keys()):
            return
        text = json.dumps(self._kept, separators=(",", ":"))
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomic(self._path, f"{_HEADER}\n{_digest(text)}\n{text}")
            _remove_old(self._path.parent)
        except OSError as error:  # a full disk, a read-only home: it is slower without
            log.debug("%s is not written: %s", self._path, reason(error))


def _place(root: Path) -> Path | None:
    """Return the file of the index of a folder; None for a user without a home."""
    try:
        return user_cache("runs") / f"{_digest(str(root.resolve()))[:32]}.json"
    except RuntimeError:
        return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    """Return what is saved; nothing if it is damaged, of another version, or not only this user's."""
    try:
        folder = path.parent.lstat()
        if folder.st_uid != os.geteuid() or folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return {}
        header, digest, text = read_text(path, _MOST_BYTES).split("\n", 2)
        known = json.loads(text) if (header, digest) == (_HEADER, _digest(text)) else {}
    except (OSError, ValueError):
        return {}
    return dict(known)


def _state(folder: RunFolder) -> list[int] | None:
    """Return what changes with every write to the files of a summary; None if one is no file."""
    state: list[int] = []
    for path in (folder.record, folder.config):
        try:
            found = os.lstat(path)
        except OSError:
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        state += (found.st_ctime_ns, found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev)
    return state


def _is_settled(state: Sequence[int]) -> bool:
    """Return whether the last change of the files, by the clock of their disk, is a while ago."""
    return max(state[0], state[5]) / 1e9 + SETTLED < time.time()


def _remove_old(folder: Path) -> None:
    for path in folder.glob("*.json"):
        with suppress(OSError):  # somebody else was quicker
            if path.stat().st_mtime + KEPT < time.time():
                path.unlink()
