"""One writer of a folder on a file system without locks: numbered files, each created by one process only.

The file with the highest number names the holder. Whoever finds it released, or its process dead, creates the
next number with `link`, which NFS does for exactly one process. Files are never removed, because a number
that were free again could be taken by a host that sees an older state of the folder.
"""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from sweepboard.compose.plain_types import built
from sweepboard.errors import UserError
from sweepboard.files import as_json, read_json, write_json
from sweepboard.formatting import age, printable
from sweepboard.process_identity import ProcessIdentity
from sweepboard.runs.folder import RunFolder


class HeldElsewhere(UserError):
    """The folder is held by a process that lives, or may live."""


@dataclass(frozen=True)
class Holder:
    """The content of a file."""

    process: dict[str, Any]
    since: str = ""
    released: bool = False


def take(folder: RunFolder, since: str) -> Path:
    """Hold `folder`. Return the file to `release`. Raise `HeldElsewhere` or OSError."""
    folder.holders.mkdir(exist_ok=True)
    content = as_json(asdict(Holder(asdict(ProcessIdentity.current()), since)))
    last = 0
    while True:
        last = max(last, *_numbers(folder.holders))  # an old list of files must not hide a holder
        if last:
            _refuse_held(folder.holders / str(last), folder)
        last += 1
        if _created(folder.holders / str(last), content):
            return folder.holders / str(last)


def release(mine: Path) -> None:
    """Let another process hold the folder, unless the user has removed it."""
    if mine.exists():
        write_json(mine, asdict(Holder({}, released=True)))


def _numbers(folder: Path) -> list[int]:
    return [0, *(int(path.name) for path in folder.iterdir() if re.fullmatch("[0-9]+", path.name))]


def _refuse_held(path: Path, folder: RunFolder) -> None:
    try:
        holder = built(Holder, read_json(path))
        process = built(ProcessIdentity, holder.process)
    except ValueError as error:
        raise HeldElsewhere(
            f"an unknown process: {path} cannot be read; if none writes, remove it"
        ) from error
    if holder.released or process.lives is False:
        return
    told = f"process {process.pid} on {process.host} since {holder.since}"
    if process.lives is None:
        ago = age(_server_time(path.parent) - folder.last_written)
        told += f", last heard of {ago} ago (if it is dead, remove {path.parent})"
    raise HeldElsewhere(printable(told))


def _server_time(folder: Path) -> float:
    """Return the time by the clock that stamps the files in `folder`, which may be another host's."""
    probe = folder / f".{token_hex(8)}.tmp"
    probe.touch()
    time = probe.stat().st_mtime
    probe.unlink()
    return time


def _created(path: Path, content: str) -> bool:
    """Create a file with its content if it does not exist. Return whether this process did it."""
    temporary = path.with_name(f".{token_hex(8)}.tmp")
    with temporary.open("x") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        try:
            os.link(temporary, path)
        except OSError as error:
            # A lost answer of the server is repeated, and then finds its own file.
            if temporary.stat().st_nlink == 2:
                return True
            if isinstance(error, FileExistsError):
                return False
            raise
        return True
    finally:
        temporary.unlink()
