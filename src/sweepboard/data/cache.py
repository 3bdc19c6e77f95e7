"""Cache decoded data sets on disk, mapped into memory, so that each is decoded only once.

All processes that map an entry share its memory, so the jobs of a sweep hold their data set once. An entry is
a folder named after its source files and their state. It is replaced when they have changed, and may be
deleted at any time.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

import google_crc32c
import numpy as np
import torch

from sweepboard.data.types import TensorSplit
from sweepboard.files import alone_in, read_text, sync_folder, user_cache, write_atomic

log = logging.getLogger(__name__)

FORMAT = "3"
"""Version of an entry's contents; change it with the decoding or the layout of samples."""

SHARE = 10
"""An entry may take up to 1/SHARE of the free disk space."""

_PARTS = ("inputs", "targets")
_DIGEST = "crc32c"
_AT_ONCE = 2**20

Array: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.generic]]


def cached(name: str, files: Sequence[Path], decode: Callable[[], TensorSplit]) -> TensorSplit:
    """Return the result of `decode` for `files`, from the cache if possible.

    `name` identifies what is decoded, with every setting that matters. Without files the result is not
    cached. If it cannot be cached, the reason is logged and the decoded split returned. Raise what `decode`
    raises.
    """
    entry = entry_of(name, files) if files else None
    return decode() if entry is None else _mapped(entry) or _made(entry, decode)


def cache_folder() -> Path:
    """Return `$XDG_CACHE_HOME/sweepboard/data`, by default `~/.cache/sweepboard/data`."""
    return user_cache("data")


def entry_of(name: str, files: Sequence[Path]) -> Path | None:
    """Return `<name>-<digest of paths>/<digest of file states>`, which changes with any edit of a file.

    None for a missing file, which `decode` will report, and for a user without a home.
    """
    paths = [path.absolute() for path in files]
    try:
        looks = [(status.st_size, status.st_mtime_ns, status.st_ctime_ns) for status in map(os.stat, paths)]
        return cache_folder() / f"{name}-{_hash(paths)}" / _hash([FORMAT, *looks])
    except (OSError, RuntimeError) as error:
        log.warning("decoded data cannot be cached: %s", error)
        return None


def _hash(words: Sequence[object]) -> str:
    return hashlib.sha256("\n".join(map(str, words)).encode(errors="surrogateescape")).hexdigest()[:16]


def _mapped(entry: Path) -> TensorSplit | None:
    """Return an entry's tensors, or None if it is missing or damaged; writing to them never changes the file.

    Every byte is checked (about 15 ms for 50 MB), which also loads it into memory for the first epoch.
    """
    try:
        inputs, targets = (np.load(entry / f"{part}.npy", mmap_mode="c") for part in _PARTS)
        if read_text(entry / _DIGEST) != _digest((inputs, targets)):
            log.warning("%s is damaged: decoding the data again", entry)
            return None
    except (OSError, ValueError, EOFError):
        return None
    return TensorSplit(torch.from_numpy(inputs), torch.from_numpy(targets))


def _made(entry: Path, decode: Callable[[], TensorSplit]) -> TensorSplit:
    with alone(entry.parent):  # one job of a sweep decodes, the others wait
        if (found := _mapped(entry)) is not None:
            return found
        split = decode()
        try:
            _keep(split, entry)
        except OSError as error:
            log.warning("decoded data cannot be cached in %s: %s", entry.parent, error.strerror or error)
    return _mapped(entry) or split


def _keep(split: TensorSplit, entry: Path) -> None:
    """Write an entry. Raise OSError if it cannot be written."""
    with replacing(entry, split.inputs.nbytes + split.targets.nbytes) as scratch:
        for part in _PARTS:
            write_array(scratch / f"{part}.npy", getattr(split, part).numpy())
        write_atomic(scratch / _DIGEST, _digest([getattr(split, part).numpy() for part in _PARTS]))


def room() -> int:
    """Return the number of bytes that an entry may take. Raise OSError if the folder cannot be made."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(cache_folder()).free // SHARE


@contextmanager
def replacing(entry: Path, size: int) -> Iterator[Path]:
    """Yield a folder to write `size` bytes of an entry to, which then appears whole or not at all.

    Entries of earlier states of the same files are deleted. Raise OSError if it cannot be written.
    """
    entry.parent.mkdir(parents=True, exist_ok=True)
    if size > (most := room()):
        raise OSError(f"it would fill more than a tenth of the {SHARE * most:,} free bytes")
    for old in entry.parent.iterdir():
        if old.is_dir():
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=entry.parent, ignore_cleanup_errors=True) as scratch:
        yield Path(scratch)
        sync_folder(Path(scratch))
        Path(scratch).rename(entry)
    sync_folder(entry.parent)


def _digest(arrays: Sequence[Array]) -> str:
    """Return a checksum that detects any changed byte, by the algorithm that is as fast as memory is read."""
    words = []
    for array in arrays:
        flat, crc = np.ascontiguousarray(array).reshape(-1).view(np.uint8), 0
        for start in range(0, flat.size, _AT_ONCE):
            crc = google_crc32c.extend(crc, flat[start : start + _AT_ONCE].tobytes())
        words.append(f"{array.dtype.str} {array.shape} {crc:08x}")
    return "\n".join(words)


def write_array(path: Path, array: Array) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Lock an entry against other processes that create it, if the file system supports locks."""
    with ExitStack() as held:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(alone_in(folder))
        yield
