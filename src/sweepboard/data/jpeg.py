"""Decode JPEG files at the scale that is needed, and no further down than is needed.

libjpeg decodes at a half, a quarter or an eighth of the size for a part of the work. A sequential JPEG stores
its rows from top to bottom, so a decoder that finds a smaller height in the header stops at that row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from io import BytesIO
from typing import Any

import numpy as np

from sweepboard.data.views import Pixels

REDUCTIONS = (8, 4, 2)
"""Denominators of the scales at which decoders have fast arithmetic, the smallest scale first."""

START = b"\xff\xd8\xff"
"""The first bytes of every JPEG file."""

_SCAN, _METADATA, _END = 0xDA, 0xE1, b"\xff\xd9"
_SEQUENTIAL, _READ = (0xC0, 0xC1), (0xC0, 0xC1, 0xC2)
"""Markers of frames that are decoded here; all others, as lossless ones, are left to Pillow."""

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

_BELOW = 32
"""Rows that are decoded below those needed: their colours spread upwards, by up to a block."""


@dataclass(frozen=True)
class Jpeg:
    """A JPEG file of 8-bit grey or colour."""

    data: bytes
    height: int
    width: int
    height_at: int
    """Where the two bytes of the height are."""

    runs_downwards: bool
    """Whether it has one scan of whole rows, from top to bottom."""

    exif: bytes

    @property
    def is_upright(self) -> bool:
        """Whether its metadata does not ask for it to be turned."""
        if not self.exif:
            return True
        from PIL import Image

        exif, orientation = Image.Exif(), 0x0112
        exif.load(self.exif)
        return bool(exif.get(orientation, 1) == 1)

    def reduction(self, least: int) -> int:
        """Return by how much it can be reduced for both sides to stay at least `least`: 1, 2, 4 or 8."""
        return next((each for each in REDUCTIONS if min(self.height, self.width) // each >= least), 1)

    def down_to(self, row: int) -> bytes:
        """Return the file with a smaller height, so that decoding ends below the first `row` rows."""
        height = row + _BELOW
        if not self.runs_downwards or height >= self.height:
            return self.data
        changed = bytearray(self.data)
        changed[self.height_at : self.height_at + 2] = height.to_bytes(2, "big")
        return bytes(changed)


def parse(data: bytes) -> Jpeg | None:
    """Return a complete JPEG of 8 bits with one or three components; None for anything else."""
    place, frame, exif = 2, 0, b""
    while data.startswith(START) and place + 4 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == _SCAN:
            return _jpeg(data, frame, data[place + 4], exif) if data.rfind(_END) > place else None
        if marker in _FRAMES:
            frame = place
        elif marker == _METADATA:
            metadata = data[place + 4 : place + 2 + length]
            if b"tiff:Orientation" in metadata:  # in XMP, which Pillow reads
                return None
            exif = metadata if metadata.startswith(b"Exif\0\0") else exif
        place += 2 + length
    return None


def _jpeg(data: bytes, frame: int, in_scan: int, exif: bytes) -> Jpeg | None:
    kind, bits, components = data[frame + 1], data[frame + 4], data[frame + 9]
    height, width = (int.from_bytes(data[frame + at : frame + at + 2], "big") for at in (5, 7))
    if kind not in _READ or bits != 8 or components not in (1, 3) or not height or not width:
        return None
    downwards = kind in _SEQUENTIAL and in_scan == components
    return Jpeg(data, height, width, frame + 5, downwards, exif)


def decode(jpeg: Jpeg, reduction: int, rows: int) -> Pixels:
    """Return at least the first `rows` rows as RGB, (rows, width, 3), of the picture reduced by `reduction`.

    Raise any error of the decoder.
    """
    data = jpeg.down_to(rows * reduction)
    fast = _simplejpeg()
    if fast is not None:
        try:
            return _with_simplejpeg(fast, jpeg, data, reduction)
        except ValueError:  # Pillow decides whether it is damaged, and takes more than this decoder
            data = jpeg.data
    return _with_pillow(data, reduction)


def decoder() -> str:
    """Return the name and version of what decodes JPEG files here: it decides the last bits."""
    name = "pillow" if _simplejpeg() is None else "simplejpeg"
    return f"{name}-{version(name)}"


def _with_simplejpeg(fast: Any, jpeg: Jpeg, data: bytes, reduction: int) -> Pixels:
    """Decode with fewer rows, what follows the last one is no damage."""
    height = int.from_bytes(data[jpeg.height_at : jpeg.height_at + 2], "big")
    least_height, least_width = -(-height // reduction), -(-jpeg.width // reduction)
    whole = data is jpeg.data
    decoded: Pixels = fast.decode_jpeg(data, min_height=least_height, min_width=least_width, strict=whole)
    return decoded


def _with_pillow(data: bytes, reduction: int) -> Pixels:
    from PIL import Image

    with Image.open(BytesIO(data)) as image:
        image.draft("RGB", (image.width // reduction, image.height // reduction))
        return np.array(image.convert("RGB"))


@cache
def _simplejpeg() -> Any:
    """Return the module, which decodes faster than Pillow; None if it is not installed."""
    try:
        return import_module("simplejpeg")
    except ImportError:
        return None
