"""Read and write the IDX format of MNIST: big-endian arrays after a small header, plain or gzipped.

Format: http://yann.lecun.com/exdb/mnist/ (at the bottom of the page).
"""

from __future__ import annotations

import gzip
import struct
import zlib
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from sweepboard.errors import DamagedFile

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_LIMIT = 1100
"""Gzip cannot compress by more than a factor of about 1030: a header that promises more is damaged."""
_CHUNK = 1 << 20


def read_idx(path: Path) -> npt.NDArray[Any]:
    """Return the array in `path`, in the machine's byte order; a name ending in `.gz` is gunzipped.

    Raise `DamagedFile`, naming the file, if it is no IDX file, is incomplete, or fails gzip's checksum.
    """
    try:
        with path.open("rb") as raw, _unpacked(raw, path) as file:
            array = _empty_array(file, path)
            _fill(file, array)
    except (OSError, EOFError, zlib.error, struct.error, ValueError) as error:
        raise DamagedFile(
            f"{path} is not a readable IDX file ({error}): delete it and get it again"
        ) from error
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def write_idx(path: Path, array: npt.NDArray[Any]) -> None:
    """Write `array`, gzipped without a time stamp if the name ends in `.gz`: equal arrays give equal files.

    Raise ValueError for a dtype that the format does not have.
    """
    dtype = array.dtype.newbyteorder(">")
    codes = {np.dtype(name): code for code, name in _DTYPES.items()}
    if dtype not in codes:
        raise ValueError(f"IDX has no {array.dtype}")
    header = struct.pack(f">HBB{array.ndim}I", 0, codes[dtype], array.ndim, *array.shape)
    content = header + array.astype(dtype).tobytes()
    with path.open("wb") as raw:
        if path.suffix != ".gz":
            raw.write(content)
            return
        with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=raw, mtime=0) as packed:
            packed.write(content)


def _unpacked(raw: BinaryIO, path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if path.suffix == ".gz" else raw


def _empty_array(file: BinaryIO, path: Path) -> npt.NDArray[Any]:
    """Read the header and return an empty array of its shape and type."""
    zero, code, dimensions = struct.unpack(">HBB", file.read(4))
    if zero != 0 or code not in _DTYPES:
        raise ValueError("its first bytes are not those of an IDX file")
    shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
    dtype = np.dtype(_DTYPES[code])
    if prod(shape) * dtype.itemsize > _GZIP_LIMIT * path.stat().st_size:
        raise ValueError(f"it announces an array of {' x '.join(map(str, shape))}, more than it can hold")
    return np.empty(shape, dtype)


def _fill(file: BinaryIO, array: npt.NDArray[Any]) -> None:
    """Read into the array piece by piece: a second copy would double the peak memory."""
    space = array.reshape(-1).view(np.uint8).data
    filled = 0
    while filled < len(space):
        piece = file.read(min(_CHUNK, len(space) - filled))
        if not piece:
            raise ValueError(f"it ends after {filled:,} of {len(space):,} bytes of data")
        space[filled : filled + len(piece)] = piece
        filled += len(piece)
    if file.read(1):  # also makes gzip check its checksum
        raise ValueError("it goes on after its last number")
