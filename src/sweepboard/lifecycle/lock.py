"""One writer per run folder: a lock that frees itself when its process dies."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sweepboard.errors import UserError
from sweepboard.lifecycle.folder import RunFolder

try:
    import fcntl
except ImportError:  # not a POSIX system: folders are claimed atomically there too, but not locked
    fcntl = None  # type: ignore[assignment]


class FolderLocked(UserError):
    """Another process writes to the folder."""


@contextmanager
def only_writer(folder: RunFolder) -> Iterator[None]:
    """Hold the folder while the block runs. Raises `FolderLocked` that says who holds it.

    `flock` belongs to the open file: the kernel frees it on any end of the process, `kill -9` too. Its
    content only serves the message.
    """
    handle = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FolderLocked(
                    f"{folder} is being written by {_holder(handle)}: wait for it, or stop it"
                ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(_self_description()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _self_description() -> dict[str, object]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def _holder(handle: int) -> str:
    try:
        who = json.loads(os.pread(handle, 4096, 0))
        return f"process {who['pid']} on {who['host']} since {who['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
