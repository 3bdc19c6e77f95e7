"""Files that are open when a worker is forked: it reads them at a position of its own."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path

_OPEN_FILES = Path("/proc/self/fd")


def give_own_positions() -> None:
    """Reopen the regular files that this forked process inherited for reading, each at its position.

    A forked process shares the position of an open file with its parent and all other workers, so that the
    samples of a data set which opens its file in `__init__` would be read from wrong places.
    """
    with suppress(FileNotFoundError):  # not on Linux, where alone workers are forked by default
        for entry in list(_OPEN_FILES.iterdir()):
            with suppress(OSError):  # the listing's own file, or one that may not be opened again
                _reopen(int(entry.name))


def _reopen(inherited: int) -> None:
    if not stat.S_ISREG(os.fstat(inherited).st_mode):
        return
    if fcntl.fcntl(inherited, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY:
        return
    own = os.open(_OPEN_FILES / str(inherited), os.O_RDONLY)
    try:
        os.lseek(own, os.lseek(inherited, 0, os.SEEK_CUR), os.SEEK_SET)
        os.dup2(own, inherited, inheritable=os.get_inheritable(inherited))
    finally:
        os.close(own)
