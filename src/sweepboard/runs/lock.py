"""The lock of a run folder: one writer at a time, released when its process dies."""

from __future__ import annotations

import json
import logging
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from functools import cache
from pathlib import Path

from sweepboard.errors import UserError
from sweepboard.file_locks import lock, locks_only_here
from sweepboard.files import writing
from sweepboard.runs.folder import RunFolder

log = logging.getLogger(__name__)


class FolderLocked(UserError):
    """Another process writes to the folder."""


class LinkInFolder(UserError):
    """A link in a folder that will be written to: it could point to any file."""


class FolderTaken(UserError):
    """A folder named by the user that already holds a run, or curves of another program."""


@contextmanager
def only_writer(folder: RunFolder) -> Iterator[None]:
    """Hold the lock of the folder during the block.

    Raise `LinkInFolder` before anything is changed, `FolderLocked`, which names the holder, or `NotWritable`.

    The kernel releases `flock` at any end of the process, also after `kill -9`. The folder itself is locked,
    because a lock file can be deleted; the file is locked too, for network disks that cannot lock folders.
    The content of the file is only used in the message. On a file system without locks, or with locks that
    other hosts do not see, numbered files hold the folder (`runs.holders`).
    """
    refuse_links(folder)
    handles = []
    try:
        with writing(folder.path):
            handles.append(_opened(folder.path, os.O_RDONLY))
            handles.append(_opened(folder.lock, os.O_RDWR | os.O_CREAT))
        _refuse_shared(handles[1], folder)
        shared = _lock(handles[0], handles[1], folder)
        with nullcontext() if shared else _held_by_files(folder):
            yield
    finally:
        for handle in handles:
            _held.discard(handle)
            os.close(handle)


def _opened(path: Path, how: int) -> int:
    handle = os.open(path, how | os.O_CLOEXEC | _CAREFULLY, 0o666)
    _held.add(handle)
    return handle


@contextmanager
def claimed(path: Path) -> Iterator[RunFolder]:
    """Hold the lock of a folder that the user named for a new run.

    Raise `FolderTaken` if the run would overwrite something in it, and what `only_writer` raises.
    """
    folder = RunFolder(path)
    refuse_links(folder)
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    with only_writer(folder):
        if folder.record.exists():
            raise FolderTaken(
                f"{path} already holds a run: type `sweepboard resume {path}`, or name another folder"
            )
        if folder.checkpoints.exists() or any(path.glob("*tfevents*")):
            raise FolderTaken(f"{path} already holds curves or checkpoints: name another folder")
        yield folder


_CAREFULLY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Flags that do not follow a link and do not wait for the other end of a pipe."""


def refuse_links(folder: RunFolder) -> None:
    """Raise `LinkInFolder` for a folder that is or contains a symbolic link.

    The folders above it may be links, with which users choose a disk.
    """
    if folder.path.is_symlink():
        raise LinkInFolder(f"{folder} is a symbolic link: give the folder that it leads to")
    for path in _links(folder.path):
        raise LinkInFolder(f"{path} is a symbolic link: remove it, then a run can write to this folder")


_NOT_OURS = (".submitit", "wandb")
"""Folders that a launcher or W&B fills with links of its own; nothing of ours is written there.

Of a stranger's run no logger is built, and W&B writes each attempt into a new folder.
"""


def _links(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        yield from (path for name in (*folders, *names) if (path := Path(place, name)).is_symlink())
        folders[:] = (name for name in folders if name not in _NOT_OURS)


def _refuse_shared(handle: int, folder: RunFolder) -> None:
    """Raise `LinkInFolder` unless the lock is a regular file with one name: it will be written to."""
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        raise LinkInFolder(f"{folder.lock} is no file of this folder alone: remove it")


def _lock(whole: int, handle: int, folder: RunFolder) -> bool:
    """Lock both. Return whether every process that can write to the folder sees it."""
    with writing(folder.path):
        locked = _lock_folder(whole), lock(handle)
    if False in locked:
        raise FolderLocked(f"{folder} is being written by {_holder(handle)}: wait for it, or stop it")
    with writing(folder.path):
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(_self_description()).encode(), 0)
    return locked[1] is True and not locks_only_here(handle)


def _lock_folder(handle: int) -> bool | None:
    """Lock a folder. Return None where that is no use: a network disk may lock only what it can write to."""
    try:
        return lock(handle)
    except OSError:
        return None


@contextmanager
def _held_by_files(folder: RunFolder) -> Iterator[None]:
    from sweepboard.runs.holders import HeldElsewhere, release, take  # few file systems need it

    _tell_once(folder.path.parent)
    try:
        with writing(folder.path):
            mine = take(folder, _now())
    except HeldElsewhere as error:
        raise FolderLocked(f"{folder} is being written by {error}") from None
    try:
        yield
    finally:
        release(mine)


@cache
def _tell_once(place: Path) -> None:
    log.warning("%s: the file system has no locks that all hosts see; files hold a folder there", place)


_held: set[int] = set()


def _leave_to_parent() -> None:
    """Close the inherited locks in a forked child (a DataLoader worker), which may outlive its parent."""
    while _held:
        os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


def _self_description() -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": _now(),
    }


def _now() -> str:
    """Return the time with its offset from UTC, for people."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _holder(handle: int) -> str:
    """Return who holds the lock; its holder writes that into the file a moment after it locked it."""
    for _ in range(100):
        try:
            who = json.loads(os.pread(handle, 4096, 0))
            return f"process {who['pid']} on {who['host']} since {who['since']}"
        except (ValueError, KeyError, TypeError):
            time.sleep(0.01)
    return "another process"
