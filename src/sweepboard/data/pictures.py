"""Keep decoded pictures, each of its own size, in the cache of `data.cache`, mapped into memory.

Processes that map them share their memory. A picture is checked when a process first reads it; one that is
damaged is decoded again, as if nothing had been kept.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sweepboard.data import cache
from sweepboard.data.fetcher import Fetcher
from sweepboard.data.images import picture_size, read_picture
from sweepboard.data.loading import Loading
from sweepboard.data.views import Pixels
from sweepboard.hardware import total_memory

log = logging.getLogger(__name__)

_PIXELS, _INDEX = "pixels", "index.npy"
_AT_ONCE = 8
"""Pictures that a worker decodes at a time, which bounds the memory that it takes."""

_COLUMNS = 4
"""Of the index: where a picture starts, its height, its width, and the checksum of its pixels."""

_CPU = torch.device("cpu")


class Pictures:
    """The pictures of an entry of the cache, by number."""

    def __init__(self, entry: Path, index: npt.NDArray[np.int64]) -> None:
        self._entry, self._index = entry, index
        self._checked: set[int] = set()

    @classmethod
    def opened(cls, entry: Path, count: int) -> Pictures | None:
        """Return the pictures of an entry; None if it is missing, or is not `count` whole pictures."""
        try:
            index = np.load(entry / _INDEX, allow_pickle=False)
            size = (entry / _PIXELS).stat().st_size
        except (OSError, ValueError, EOFError):
            return None
        is_whole = index.shape == (count, _COLUMNS) and index.dtype == np.int64
        if not is_whole or _end(index) != size or (index < 0).any():
            log.warning("%s is damaged: decoding the pictures again", entry)
            return None
        return cls(entry, index)

    def get(self, number: int) -> Pixels | None:
        """Return a picture as RGB (height, width, 3), or None if it is damaged."""
        start, height, width, checksum = self._index[number].tolist()
        try:
            pixels = self._pixels[start : start + 3 * height * width]
        except (OSError, ValueError):  # deleted meanwhile
            return None
        if number not in self._checked:
            if google_crc32c.value(pixels.tobytes()) != checksum:
                log.warning("picture %d in %s is damaged: it is decoded again", number, self._entry)
                return None
            self._checked.add(number)
        return pixels.reshape(height, width, 3)

    @cached_property
    def _pixels(self) -> Pixels:
        """All pixels; mapped for writing, as torch wants it, which never changes the file."""
        return np.memmap(self._entry / _PIXELS, dtype=np.uint8, mode="c")

    def __getstate__(self) -> dict[str, Any]:
        """Leave the pixels out: each process maps them."""
        return {name: value for name, value in vars(self).items() if name != "_pixels"}


def keep_pictures(name: str, paths: Sequence[Path], size: int, loading: Loading) -> Pictures | None:
    """Return the decoded pictures of `paths` for samples of `size`, from the cache if possible.

    `name` identifies how they are decoded. None if they do not fit, which is logged. Raise `DamagedFile` for
    a picture that cannot be decoded.
    """
    entry = cache.entry_of(name, paths)
    if entry is None:
        return None
    if (found := Pictures.opened(entry, len(paths))) is not None:
        return found
    with cache.alone(entry.parent):  # one job of a sweep decodes, the others wait
        if (found := Pictures.opened(entry, len(paths))) is not None:
            return found
        try:
            _keep(entry, paths, size, loading)
        except OSError as error:
            log.warning("decoded pictures are not kept: %s: %s", entry.parent, error.strerror or error)
            return None
    return Pictures.opened(entry, len(paths))


def _keep(entry: Path, paths: Sequence[Path], size: int, loading: Loading) -> None:
    """Decode all pictures into an entry. Raise OSError if it cannot be written, or would be too large."""
    needed = _needed(paths, size, min(cache.room(), (total_memory() or 0) // 4))
    log.info("decoding %s pictures once, into %s (%.1f GB)", f"{len(paths):,}", entry.parent, needed / 1e9)
    with cache.replacing(entry, needed) as scratch:
        rows = []
        with (scratch / _PIXELS).open("wb") as file:
            for picture in _decoded(paths, size, loading):
                content = picture.tobytes()
                rows.append((file.tell(), *picture.shape[:2], google_crc32c.value(content)))
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        cache.write_array(scratch / _INDEX, np.array(rows, np.int64))


def _needed(paths: Sequence[Path], size: int, most: int) -> int:
    """Return the number of bytes of all pictures. Raise OSError if they are more than `most`."""
    needed = 0
    for path in paths:
        needed += 3 * picture_size(path, size)
        if needed > most:
            raise OSError(
                f"{len(paths):,} pictures take more than the {most / 1e9:.1f} GB that a quarter of the "
                "memory and a tenth of the free disk leave"
            )
    return needed


def _decoded(paths: Sequence[Path], size: int, loading: Loading) -> Iterator[Pixels]:
    fetcher = Fetcher(partial(_read, paths, size), _CPU, loading)
    groups = [range(start, min(start + _AT_ONCE, len(paths))) for start in range(0, len(paths), _AT_ONCE)]
    for shapes, flat in fetcher.results(groups):
        parts = flat.split([height * width * 3 for height, width in shapes])
        yield from (part.numpy().reshape(*shape, 3) for part, shape in zip(parts, shapes, strict=True))


def _read(paths: Sequence[Path], size: int, numbers: Sequence[int]) -> tuple[list[tuple[int, int]], Tensor]:
    """Return the sizes of some pictures, and their pixels as one tensor."""
    pictures = [read_picture(paths[number], size) for number in numbers]
    shapes = [(picture.shape[0], picture.shape[1]) for picture in pictures]
    return shapes, torch.cat([torch.from_numpy(picture).flatten() for picture in pictures])


def _end(index: npt.NDArray[np.int64]) -> int:
    """Return where the last picture ends, or -1 if they do not lie one after the other."""
    lengths = 3 * index[:, 1] * index[:, 2]
    starts = np.cumsum(lengths) - lengths
    return int(lengths.sum()) if (starts == index[:, 0]).all() else -1
