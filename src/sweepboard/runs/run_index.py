"""An index of what was read of runs that have ended, so that verbs over many runs read one file, not all.

It lies in the user's own cache: a folder from elsewhere could bring a false one with it, or be read-only. It
is never trusted blindly. An entry counts while the files it was read from are the same by name, device,
inode, size and times, and runs that have not ended are always read anew. It may be deleted at any time.

After a header and a digest it has a line for each run: name, state of the files, and value, all as JSON.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from sweepboard.errors import reason
from sweepboard.files import read_bytes, user_cache, write_atomic
from sweepboard.runs.folder import RunFolder
from sweepboard.version import __version__

log = logging.getLogger(__name__)
T = TypeVar("T")

FEWEST = 20
"""Minimum number of runs for which an index is kept."""

SETTLED = 2.0
"""Seconds from the last change of a file until it is indexed: two changes may be given the same time."""

KEPT = 90 * 86400
"""Seconds after which an index that was not written again is deleted."""

MOST_BYTES = 2**26
"""Maximum size of an index; runs for which it has no room are read."""


@dataclass(frozen=True)
class Kind(Generic[T]):
    """What an index holds of each run."""

    name: str
    """The folder in the user's cache."""

    form: str
    """Whatever else an entry depends on, in one line: an index of another form is not read."""

    files: Callable[[RunFolder], Iterable[str]]
    """Return the paths of the files from which it is read."""

    read: Callable[[Sequence[RunFolder]], Iterable[T]]
    """Read runs, which may be quicker for many at a time."""

    packed: Callable[[T], Any]
    """Return plain values, of which `unpacked` makes the same after JSON; None for what may change unseen."""

    unpacked: Callable[[Any], T]


class _State(NamedTuple):
    """What changes with every write to some files."""

    text: str
    changed: int
    """When the last of them was changed, by the clock of their disk, in nanoseconds."""


def indexed(root: Path, folders: Mapping[str, RunFolder], kind: Kind[T]) -> dict[str, T]:
    """Return what `kind` reads of each of the runs below `root`, which are named by their relative path."""
    if len(folders) < FEWEST:
        return dict(zip(folders, kind.read(list(folders.values())), strict=True))
    index = _Index(root, kind)
    states = {name: _state_of(folder, kind) for name, folder in folders.items()}
    found = {name: index.value(name, state) for name, state in states.items()}
    others = [name for name, value in found.items() if value is None]
    for name, value in zip(others, kind.read([folders[name] for name in others]), strict=True):
        found[name] = value
        before, after = states[name], _state_of(folders[name], kind)
        index.replace(name, value, after if after == before else None)
    index.save(folders.keys())
    return {name: value for name, value in found.items() if value is not None}


class _Index(Generic[T]):
    """The states and values that are saved of the runs below a folder, as text, by their names."""

    def __init__(self, root: Path, kind: Kind[T]) -> None:
        self._root, self._kind = root, kind
        self._path = _place(root, kind.name)
        self._header = f"sweepboard {__version__} {kind.form}"
        self._entries = {} if self._path is None else _read(self._path, self._header)
        self._changed = False

    def value(self, name: str, state: _State | None) -> T | None:
        """Return what is saved of a run if its files are still those that it was read from."""
        saved = self._entries.get(name)
        if state is None or saved is None or saved[0] != state.text:
            return None
        return self._kind.unpacked(json.loads(saved[1]))

    def replace(self, name: str, value: T, state: _State | None) -> None:
        """Save the value of a run whose files have this state."""
        self._changed |= self._entries.pop(name, None) is not None
        plain = self._kind.packed(value) if state is not None and _is_settled(state) else None
        if state is not None and plain is not None:
            self._entries[name] = state.text, json.dumps(plain, separators=(",", ":"))
            self._changed = True

    def save(self, asked: Iterable[str]) -> None:
        """Write the index if it has changed. Of two concurrent processes, the later one's is kept."""
        gone = {name for name in self._entries.keys() - asked if not RunFolder(self._root / name).begun}
        if self._path is None or not (self._changed or gone):
            return
        text = "\n".join(_lines(self._entries, gone))
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomic(self._path, f"{self._header}\n{_digest(text.encode())}\n{text}")
            _remove_old(self._path.parent)
        except OSError as error:  # a full disk, a read-only home: it is slower without
            log.debug("%s is not written: %s", self._path, reason(error))


def _lines(entries: Mapping[str, tuple[str, str]], gone: set[str]) -> Iterable[str]:
    room = MOST_BYTES - 2**10
    for name, (state, value) in entries.items():
        line = f"{json.dumps(name)}\t{state}\t{value}"
        if name not in gone and len(line) < room:
            room -= len(line) + 1
            yield line


def _place(root: Path, name: str) -> Path | None:
    """Return the file of the index of a folder; None for a user without a home."""
    try:
        return user_cache(name) / f"{_digest(os.fsencode(root.resolve()))[:32]}.index"
    except RuntimeError:
        return None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(path: Path, header: str) -> dict[str, tuple[str, str]]:
    """Return what is saved; nothing if it is damaged, of another form, or not only this user's."""
    try:
        folder = path.parent.lstat()
        if folder.st_uid != os.geteuid() or folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return {}
        first, digest, content = read_bytes(path, MOST_BYTES).split(b"\n", 2)
        if (first, digest) != (header.encode(), _digest(content).encode()):
            return {}
        lines = [line.split("\t") for line in content.decode().split("\n") if line]
        return {json.loads(name): (state, value) for name, state, value in lines}
    except (OSError, ValueError):
        return {}


def _state_of(folder: RunFolder, kind: Kind[Any]) -> _State | None:
    """Return the state of the files of a run; None if one cannot be looked at, or is no regular file."""
    try:
        return _state(kind.files(folder))
    except OSError:
        return None


def _state(paths: Iterable[str]) -> _State | None:
    parts: list[str] = []
    changed = 0
    for path in paths:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode):
            return None
        numbers = (found.st_ctime_ns, found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev)
        parts += (json.dumps(os.path.basename(path)), *map(str, numbers))  # noqa: PTH119
        changed = max(changed, found.st_ctime_ns, found.st_mtime_ns)
    return _State(" ".join(parts), changed)


def _is_settled(state: _State) -> bool:
    """Return whether the last change of the files, by the clock of their disk, is a while ago."""
    return state.changed / 1e9 + SETTLED < time.time()


def _remove_old(folder: Path) -> None:
    for path in folder.glob("*.index"):
        with suppress(OSError):  # somebody else was quicker
            if path.stat().st_mtime + KEPT < time.time():
                path.unlink()
