"""TFRecord framing, the outer layer of every event file.

A record is `length (8 bytes) | checksum of the length (4) | payload | checksum of the payload (4)`, all
little-endian, with a masked CRC-32C as checksum. Source: tensorflow/core/lib/io/record_writer.h.
"""

from __future__ import annotations

import struct

import google_crc32c

_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")


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
