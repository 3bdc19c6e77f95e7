"""Lock an open file, and know the file systems where that means nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a POSIX system: nothing can be locked
    fcntl = None  # type: ignore[assignment]

NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)
"""Errors of a file system that cannot lock."""

MOUNTS = Path("/proc/self/mountinfo")

_LOCAL_TYPES = ("gpfs", "beegfs")
"""File systems where `flock` excludes, as a rule, only processes of the same host."""

_LOCAL_OPTIONS = ("nolock", "local_lock=flock", "local_lock=all", "localflock")
"""Options of NFS and Lustre with which it does so."""


def lock(handle: int, wait: bool = False) -> bool | None:
    """Lock a file until its handle closes or the process dies. Return False if another process holds it.

    Return None where files cannot be locked. Raise any other OSError.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return None
    return True


def locks_only_here(handle: int) -> bool:
    """Return whether a lock of this file may not be seen by the other hosts that share its file system."""
    device = os.fstat(handle).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = [line.split() for line in MOUNTS.read_text().splitlines()]
    except OSError:
        return False
    return any(line[2] == number and _is_local(line[line.index("-") + 1 :]) for line in lines if "-" in line)


def _is_local(mount: list[str]) -> bool:
    """Judge the file system's type, source and options."""
    kind, options = mount[0], mount[-1].split(",")
    shared = kind.startswith(("nfs", "lustre"))
    return kind in _LOCAL_TYPES or (shared and any(option in _LOCAL_OPTIONS for option in options))
