"""The file of a checkpoint: written with its digest, checked when read.

Plain `torch.load` opens it. The SHA-256 is in the same file, as the comment of the ZIP archive that
`torch.save` writes. With the digest in a second file, a kill between two renames would leave a pair that does
not match.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch

from sweepboard.errors import DamagedFile, UserError, reason
from sweepboard.files import Unreadable, read_bytes

PLAIN = (bool, int, float, str, bytes, type(None))
"""Types of which a checkpoint holds every value."""

FORMAT = 1
"""Version of the content of a state. Files of other versions are refused."""

_MARK = b"sha256:"
_COMMENT = len(_MARK) + 64
_LENGTH = 2
"""Bytes of the length of a comment, with which an archive without one ends."""


class DamagedCheckpoint(DamagedFile):
    """A file that is cut short, changed, of another program, or holds more than tensors and numbers."""


class ForeignCheckpoint(UserError):
    """A checkpoint that another run has saved."""


def packed(state: Mapping[str, Any]) -> bytes:
    """Return the bytes of a checkpoint file."""
    buffer = io.BytesIO()
    write_checkpoint(buffer, state)
    return buffer.getvalue()


def write_checkpoint(file: BinaryIO, state: Mapping[str, Any]) -> None:
    """Write a checkpoint: the output of `torch.save` with its digest as ZIP comment.

    The state is in memory once, and the lock of Python is free while its tensors are written.
    """
    archive = DigestedFile(file)
    torch.save({"format": FORMAT, **state}, cast(BinaryIO, archive))
    archive.close_with_comment()


class DigestedFile:
    """A file for `torch.save`, which ends with the digest of what was written before.

    An error of the file is raised at the end: torch's writer, which is C++, would be torn down by it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._digest = file, hashlib.sha256()
        self._held = b""  # the last two bytes: those of an archive without a comment are the comment's length
        self._error: OSError | None = None

    def write(self, part: bytes | memoryview) -> int:
        size = len(part)
        if size < _LENGTH:
            part = self._held + bytes(part)
            self._held = b""
        self._put(self._held)
        self._put(part[:-_LENGTH])
        self._held = bytes(part[-_LENGTH:])
        return size

    def flush(self) -> None:
        """Do nothing: the file is flushed by its owner."""

    def close_with_comment(self) -> None:
        """Write the digest as the comment. Raise the OSError of any write before."""
        self._put(_COMMENT.to_bytes(_LENGTH, "little"))
        self._put(_MARK + self._digest.hexdigest().encode())
        if self._error is not None:
            raise self._error

    def _put(self, part: bytes | memoryview) -> None:
        if self._error is None:
            self._digest.update(part)
            try:
                self._file.write(part)
            except OSError as error:
                self._error = error


def unpacked(content: bytes, path: Path) -> dict[str, Any]:
    """Return the state in `content`, read from `path`, with its tensors on the CPU. No code in it is run.

    Raise DamagedCheckpoint, which names the file and what is wrong with it.
    """
    archive, comment = memoryview(content)[:-_COMMENT], content[-_COMMENT:]
    if not comment.startswith(_MARK):
        raise DamagedCheckpoint(f"{path} is cut short, or no checkpoint of sweepboard")
    if comment != _MARK + hashlib.sha256(archive).hexdigest().encode():
        raise DamagedCheckpoint(f"{path} is damaged: its content does not match its SHA-256")
    refuse_packed(io.BytesIO(content), len(content), path)
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises anything for a hostile file
        raise DamagedCheckpoint(f"{path} holds more than tensors and numbers, and was not opened") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise DamagedCheckpoint(f"{path} is of another version of sweepboard, or no checkpoint of it")
    return state


def read_again(value: Any) -> Any:
    """Return a value as a checkpoint gives it back. Raise any exception for one that it cannot hold."""
    return unpacked(packed({"value": value}), Path("checkpoint"))["value"]


def refuse_packed(file: Path | io.BytesIO, size: int, path: Path) -> None:
    """Raise DamagedCheckpoint for compressed or overlapping entries, which could expand to any size.

    `torch.save` writes every entry uncompressed and once.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, struct.error) as error:
        raise DamagedCheckpoint(f"{path} holds more than tensors and numbers, and was not opened") from error
    packed = any(part.compress_type != zipfile.ZIP_STORED for part in parts)
    if packed or sum(part.file_size for part in parts) > size:
        raise DamagedCheckpoint(f"{path} holds more than its size, and was not opened")


def load_weights_file(file: Path, device: str) -> Any:
    """Return the content of a file that any program wrote with `torch.save`. No code in it is run.

    `meta` as the device reads shapes only. Raise DamagedCheckpoint.
    """
    if zipfile.is_zipfile(file):  # else a file of a torch before 1.6
        refuse_packed(file, file.stat().st_size, file)
    try:
        return torch.load(file, map_location=device, weights_only=True)
    except pickle.UnpicklingError as error:
        raise DamagedCheckpoint(
            f"{file} holds more than tensors and numbers, and was not opened: save what model.state_dict() "
            "returns"
        ) from error
    except (OSError, RuntimeError, ValueError, LookupError, EOFError) as error:
        raise DamagedCheckpoint(f"{file} cannot be read: {reason(error)}") from error


def load_checkpoint(path: Path, run: str | None = None) -> dict[str, Any]:
    """Return the state in a checkpoint file. With `run`, the file must be of the run with this id.

    Raise FileNotFoundError, ForeignCheckpoint, or DamagedCheckpoint as `unpacked` does.
    """
    try:
        state = unpacked(read_bytes(path, _most_bytes()), path)
    except Unreadable as error:
        raise DamagedCheckpoint(f"{path} is no checkpoint: {error}") from error
    if run is not None and state.get("run", "") != run:
        raise ForeignCheckpoint(f"{path} is of another run: put this run's own checkpoint back")
    return state


def _most_bytes() -> int:
    """Return half of the memory of this machine: a larger state could not be trained here."""
    if "SC_PHYS_PAGES" not in os.sysconf_names:
        return 2**36
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


@contextmanager
def fitting(name: str = "the checkpoint") -> Iterator[None]:
    """Raise `DamagedCheckpoint` for an error in the block that a state of another form causes."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        missing = "it lacks " if isinstance(error, KeyError) else ""
        raise DamagedCheckpoint(f"{name} does not fit this run: {missing}{reason(error)}") from error
