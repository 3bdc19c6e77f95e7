"""TFRecord framing, the outer layer of every event file.

A record is `length (8 bytes) | checksum of the length (4) | payload | checksum of the payload (4)`, all
little-endian, with a masked CRC-32C as checksum. Source: tensorflow/core/lib/io/record_writer.h.
"""

from __future__ import annotations

import logging
import os
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

import google_crc32c
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from sweepboard.files import open_regular

logger = logging.getLogger("sweepboard")

BLOCK_BYTES = 4 * 1024 * 1024

MOST_BYTES = 256 * 1024 * 1024
"""Maximum length, in bytes, of a record; no picture, histogram or graph is longer."""

_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
_HEADER = struct.Struct("<QI")


class Record(NamedTuple):
    """One record's payload (a serialised Event), and the byte of the file at which the record starts."""

    offset: int
    payload: bytes


class Part(NamedTuple):
    """Where consecutive records of a block come from."""

    first: int
    """The number of the first of them in the block."""

    path: Path
    shift: int
    """The byte of the file minus the byte of the block's data."""


class Block(NamedTuple):
    """Whole records, of one file or of several: their bytes, and the start and end of each payload."""

    data: bytes
    spans: list[tuple[int, int]]
    parts: list[Part]

    def place(self, number: int) -> tuple[Path, int]:
        """Return the file of a record, and the byte at which it starts."""
        part = self.parts[bisect_right(self.parts, number, key=itemgetter(0)) - 1]
        return part.path, part.shift + self.spans[number][0] - _HEADER.size

    def payload(self, number: int) -> bytes:
        """Return the payload of a record."""
        start, stop = self.spans[number]
        return self.data[start:stop]


@dataclass(frozen=True)
class Damage:
    """A place where a file is not a sequence of whole records."""

    path: Path
    offset: int
    """Byte at which the record starts."""

    reason: str

    torn: bool = False
    """Whether only the last record is incomplete: its writer was killed or is still writing."""

    def __str__(self) -> str:
        return f"{self.path}: byte {self.offset}: {self.reason}"


Report: TypeAlias = Callable[[Damage], None]


def warn(damage: Damage) -> None:
    """Log one line, except for a torn record at the end, which is normal."""
    if not damage.torn:
        logger.warning("damaged event file: %s", damage)


def masked_crc(data: bytes) -> int:
    """Return a CRC-32C, rotated and shifted so that checksums of data with checksums stay strong."""
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def frame(payload: bytes) -> bytes:
    """Return `payload` as one record."""
    length = _LENGTH.pack(len(payload))
    return b"".join(
        (length, _CHECKSUM.pack(masked_crc(length)), payload, _CHECKSUM.pack(masked_crc(payload)))
    )


def records(path: Path, report: Report = warn) -> Iterator[Record]:
    """Yield each whole record of a file, in order.

    Damage is reported, not raised. A record whose payload does not match its checksum is skipped; after a
    damaged length nothing more can be read. Raise OSError if the file cannot be read.
    """
    for block in blocks(path, report):
        for number in sound_records(block, report):
            yield Record(block.place(number)[1], block.payload(number))


def sound_records(block: Block, report: Report = warn) -> npt.NDArray[np.int64]:
    """Return the numbers of a block's records, from 0, that match their checksums; report the others."""
    if not block.spans:
        return np.empty(0, np.int64)
    crcs = np.array([google_crc32c.value(block.data[start:stop]) for start, stop in block.spans], np.uint32)
    words = sliding_window_view(np.frombuffer(block.data, np.uint8), _CHECKSUM.size)
    stored = words[[stop for _, stop in block.spans]].view("<u4")[:, 0]
    sound = (crcs >> 15 | crcs << 17) + np.uint32(0xA282EAD8) == stored
    for number in np.flatnonzero(~sound).tolist():
        report(Damage(*block.place(number), "a record that does not fit its checksum is left out"))
    return np.flatnonzero(sound)


def joined(parts: Sequence[Block]) -> Block:
    """Return the records of several blocks as one block."""
    if len(parts) == 1:
        return parts[0]
    whole = Block(b"".join(block.data for block in parts), [], [])
    place = 0
    for block in parts:
        first = len(whole.spans)
        whole.parts.extend(Part(first + one.first, one.path, one.shift - place) for one in block.parts)
        whole.spans.extend((start + place, stop + place) for start, stop in block.spans)
        place += len(block.data)
    return whole


def blocks(path: Path, report: Report = warn) -> Iterator[Block]:
    """Yield the records of a file, some megabytes at a time, without checking payloads.

    Memory is limited by the size of the file, whatever length a record claims.
    """
    offset, data, lacking = 0, b"", 0
    with os.fdopen(open_regular(path, follow=True), "rb") as file:
        # Not more than there is: room for a whole block costs more than reading a small file.
        while lacking <= (left := _left(file)) and (more := file.read(max(min(BLOCK_BYTES, left), lacking))):
            data += more
            spans, end, sound = _spans(data)
            yield Block(data, spans, [Part(0, path, offset)])
            offset, data = offset + end, data[end:]
            if not sound:
                report(Damage(path, offset, "a record's length is damaged; nothing after it can be read"))
                return
            lacking = _lacking(data)
            if MOST_BYTES < lacking <= _left(file):
                report(Damage(path, offset, f"a record of {len(data) + lacking:,} bytes is left out"))
                offset, data, lacking = file.seek(lacking, os.SEEK_CUR), b"", 0
    if data:
        report(Damage(path, offset, "the last record is not complete", torn=True))


def _left(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size - file.tell()


def _lacking(data: bytes) -> int:
    """Return how many bytes of the record at the start of `data` are missing, according to its header."""
    if len(data) < _HEADER.size:
        return 0
    length: int = _HEADER.unpack_from(data)[0]
    return _HEADER.size + length + _CHECKSUM.size - len(data)


def _spans(data: bytes) -> tuple[list[tuple[int, int]], int, bool]:
    """Return the payloads of whole records in `data`, their end, and whether the next length is sound."""
    spans: list[tuple[int, int]] = []
    lengths: dict[bytes, int] = {}  # by header: most records of a file have one of few lengths
    position, last = 0, len(data) - _CHECKSUM.size
    while len(header := data[position : position + _HEADER.size]) == _HEADER.size:
        length = lengths.get(header)
        if length is None:
            length, checksum = _HEADER.unpack(header)
            if checksum != masked_crc(_LENGTH.pack(length)):
                return spans, position, False
            lengths[header] = length
        start = position + _HEADER.size
        stop = start + length
        if stop > last:
            break
        spans.append((start, stop))
        position = stop + _CHECKSUM.size
    return spans, position, True
