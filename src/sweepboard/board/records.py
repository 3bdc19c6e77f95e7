"""TFRecord framing, the outer layer of every event file.

A record is `length (8 bytes) | checksum of the length (4) | payload | checksum of the payload (4)`, all
little-endian, with a masked CRC-32C as checksum. Source: tensorflow/core/lib/io/record_writer.h.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

import google_crc32c

logger = logging.getLogger("sweepboard")

BLOCK_BYTES = 4 * 1024 * 1024

_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
_HEADER = struct.Struct("<QI")


class Record(NamedTuple):
    """One record's payload (a serialised Event), and the byte of the file at which the record starts."""

    offset: int
    payload: bytes


class Block(NamedTuple):
    """Whole records as they lie in a file: their bytes, and where each payload starts and ends in them."""

    offset: int
    data: bytes
    spans: list[tuple[int, int]]


@dataclass(frozen=True)
class Damage:
    """A place where a file is not a row of whole records."""

    path: Path
    offset: int
    """Byte at which the record starts."""

    reason: str

    torn: bool = False
    """Only that the last record is not complete: its writer was killed in it, or is still at it."""

    def __str__(self) -> str:
        return f"{self.path}: byte {self.offset}: {self.reason}"


Report: TypeAlias = Callable[[Damage], None]


def warn(damage: Damage) -> None:
    """One line in the log; a torn tail is too ordinary for that."""
    if not damage.torn:
        logger.warning("damaged event file: %s", damage)


def masked_crc(data: bytes) -> int:
    """CRC-32C, rotated and shifted so that a checksum of data that holds checksums stays strong."""
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def frame(payload: bytes) -> bytes:
    """`payload` as one record."""
    length = _LENGTH.pack(len(payload))
    return b"".join(
        (length, _CHECKSUM.pack(masked_crc(length)), payload, _CHECKSUM.pack(masked_crc(payload)))
    )


def records(path: Path, report: Report = warn) -> Iterator[Record]:
    """Each whole record of a file, in order.

    Damage is reported, not raised. A record whose payload does not fit its checksum is left out; after a
    damaged length nothing can be found any more. Raises OSError where the file cannot be read.
    """
    for offset, data, spans in blocks(path, report):
        for start, stop in spans:
            payload = data[start:stop]
            if _CHECKSUM.unpack_from(data, stop)[0] == masked_crc(payload):
                yield Record(offset + start - _HEADER.size, payload)
            else:
                report(bad_payload(path, offset + start))


def bad_payload(path: Path, start: int) -> Damage:
    """The damage of a payload that starts at byte `start` of the file and does not fit its checksum."""
    return Damage(path, start - _HEADER.size, "a record does not fit its checksum and was left out")


def blocks(path: Path, report: Report = warn) -> Iterator[Block]:
    """The records of a file, some megabytes at a time; their payloads are not checked yet."""
    offset, data = 0, b""
    with path.open("rb") as file:
        while more := file.read(BLOCK_BYTES):
            data += more
            spans, end, sound = _spans(data)
            yield Block(offset, data, spans)
            offset, data = offset + end, data[end:]
            if not sound:
                report(Damage(path, offset, "a record's length is damaged; nothing after it can be read"))
                return
    if data:
        report(Damage(path, offset, "the last record is not complete", torn=True))


def _spans(data: bytes) -> tuple[list[tuple[int, int]], int, bool]:
    """Payloads of the whole records in `data`, where these end, and whether the next length is sound."""
    spans: list[tuple[int, int]] = []
    position, size = 0, len(data)
    checksums: dict[int, int] = {}  # most records of a file have one of few lengths
    while position + _HEADER.size <= size:
        length, checksum = _HEADER.unpack_from(data, position)
        if length not in checksums:
            checksums[length] = masked_crc(_LENGTH.pack(length))
        if checksums[length] != checksum:
            return spans, position, False
        start = position + _HEADER.size
        stop = start + length
        if stop + _CHECKSUM.size > size:
            break
        spans.append((start, stop))
        position = stop + _CHECKSUM.size
    return spans, position, True
