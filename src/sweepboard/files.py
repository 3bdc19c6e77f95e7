"""Write files atomically, and read them within bounds, since they may come from anyone."""

from __future__ import annotations

import errno
import json
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from sweepboard.errors import UserError
from sweepboard.file_locks import lock
from sweepboard.formatting import is_seen

MOST_BYTES = 16 * 2**20
"""Maximum size of a text file that is read: more than any record, plan or configuration has."""


_MOMENT = 0.05
"""Seconds until a file is read again."""


class Unreadable(OSError):
    """A file that is not opened or not fully read: a link, a device, a pipe, or one that is too long."""


class NotWritable(UserError):
    """A user's folder or file that cannot be written: full disk, no permission, deleted."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise `NotWritable`, with a one-line message, for an OSError of a write."""
    try:
        yield
    except OSError as error:
        raise NotWritable(f"{path} cannot be written: {error.strerror or error}") from error


def read_bytes(path: Path, limit: int = MOST_BYTES, follow: bool = False) -> bytes:
    """Return the content of a regular file of at most `limit` bytes; a link only if `follow`.

    This never blocks on a pipe or a device, and its memory is bounded. Raise `Unreadable`, or any other
    OSError. A file that was replaced on a network disk meanwhile (ESTALE) is read again.
    """
    try:
        return _bytes_in(path, limit, follow)
    except OSError as error:
        if error.errno != errno.ESTALE:
            raise
        return _bytes_in(path, limit, follow)


def _bytes_in(path: Path, limit: int, follow: bool) -> bytes:
    with os.fdopen(open_regular(path, follow), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(size + 1) if size <= limit else None
        if content is not None and len(content) > size:  # it grows, or is one of /proc
            content += file.read(limit + 1 - len(content))
    if content is None or len(content) > limit:
        raise Unreadable(f"it is longer than {limit:,} bytes")
    return content


def read_text(path: Path, limit: int = MOST_BYTES, follow: bool = False) -> str:
    """Return `read_bytes` as UTF-8. Raise UnicodeDecodeError, a ValueError, for anything else."""
    return read_bytes(path, limit, follow).decode()


def read_json(path: Path, limit: int = MOST_BYTES, parse: Callable[[bytes], Any] = json.loads) -> Any:
    """Return the value in a JSON file of a run or a sweep. Raise OSError or ValueError."""
    return read_json_bytes(path, limit, parse)[1]


def read_json_bytes(
    path: Path, limit: int = MOST_BYTES, parse: Callable[[bytes], Any] = json.loads
) -> tuple[bytes, Any]:
    """Return the content of a JSON file, and its value. Raise OSError or ValueError.

    A network disk may show half of a file that another host replaces: it is read a second time.
    """
    try:
        return _json_in(path, limit, parse)
    except ValueError:
        time.sleep(_MOMENT)
        return _json_in(path, limit, parse)


def _json_in(path: Path, limit: int, parse: Callable[[bytes], Any]) -> tuple[bytes, Any]:
    content = read_bytes(path, limit)
    try:
        return content, parse(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def open_regular(path: Path, follow: bool = False) -> int:
    """Return a descriptor for reading a regular file. Raise `Unreadable` for others, or another OSError."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        handle = os.open(path, flags if follow else flags | getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Unreadable("it is a symbolic link") from None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Unreadable("it is no regular file")
    return handle


def user_cache(name: str) -> Path:
    """Return `$XDG_CACHE_HOME/sweepboard/<name>`, by default below `~/.cache`.

    Raise RuntimeError for a user without a home.
    """
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sweepboard" / name


def from_here(path: Path) -> Path:
    """Return `path` relative to the working directory where it lies below it, for a message to a user."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def write_atomic(path: Path, content: str | bytes) -> None:
    """Replace `path` with a file with `content`, as `replaced` does."""
    # Half characters, of file names that are no UTF-8, are written as JSON and YAML escape them.
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    with replaced(path) as file:
        file.write(data)


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to be written, which then replaces `path`: a crash leaves either the old or the new file.

    Temporary file in the same folder, fsync, rename, fsync of the folder. Raise OSError (disk full, folder
    gone, read-only) with the old file intact and no temporary file left.
    """
    # Not named after `path`: TensorBoard reads any file with "tfevents" in its name, left-overs too.
    handle, temporary = tempfile.mkstemp(prefix=".partial.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_UMASK)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write `as_json(value)` atomically."""
    write_atomic(path, as_json(value) + "\n")


def as_json(value: Any, indent: int | None = 2) -> str:
    """Return `value` as JSON; NaN and infinities, which JSON lacks, become null.

    Control characters are escaped, so that no terminal acts on them.
    """
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except ValueError:  # there is such a number
        text = json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False)
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(letter if letter == "\n" or is_seen(letter) else _as_number(letter) for letter in text)


def _as_number(letter: str) -> str:
    r"""Return the JSON escape of a character, such as `\u202e`."""
    return f"\\u{ord(letter):04x}" if ord(letter) < 2**16 else json.dumps(letter)[1:-1]


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` survive a power cut, if the file system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a lock on `folder` during the block; the lock is released when its process dies.

    On a file system without locks it does nothing. Raise OSError if the lock file is a link, which could
    point to any file.
    """
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    with os.fdopen(handle, "rb+", buffering=0) as file:
        lock(file.fileno(), wait=True)
        yield


def remove_leftovers(folder: Path) -> None:
    """Delete temporary files of interrupted writes. Only the folder's one writer may call this."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not -float("inf") < value < float("inf"):
        return None
    return value


def _current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# mkstemp makes files private; files of a run are as public as the user's other files. Read once: asking for
# the mask means setting it, which is not safe while other threads create files.
_UMASK = _current_umask()
