"""Pictures into pixels. PIL is imported here only, and only when a picture is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sweepboard.errors import DamagedFile

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset(
    {".apng", ".avif", ".bmp", ".dib", ".gif", ".ico", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg",
     ".jpx", ".mpo", ".pbm", ".pcx", ".pfm", ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".sgi", ".tga",
     ".tif", ".tiff", ".webp", ".xbm", ".xpm"}
)  # fmt: skip
"""Names of files that are taken for images end in one of these, in any case."""

_GRAYS = ("1", "L", "LA", "La", "I", "F")


def read_image(path: Path, size: int) -> Tensor:
    """The image as (3, size, size) uint8: upright, its shorter side scaled to `size`, the middle cut out.

    Raises `DamagedFile`, naming the file, whatever the decoder stumbled over.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            image.draft("RGB", (2 * size, 2 * size))  # lets a large JPEG be decoded at a fraction of its size
            upright = ImageOps.exif_transpose(image)
            fitted = ImageOps.fit(in_mode(upright, "RGB"), (size, size), Image.Resampling.BILINEAR)
    except Exception as error:  # decoders raise everything from SyntaxError to struct.error
        reason = str(error) or type(error).__name__
        raise DamagedFile(
            f"{path} cannot be read as an image ({reason}): repair it or take it away"
        ) from error
    return pixels(fitted)


def is_pil_image(value: object) -> bool:
    """Whether `value` is a PIL image, without importing PIL."""
    return any(base.__module__.startswith("PIL.") for base in type(value).__mro__)


def natural_mode(image: Image) -> str:
    """`L` for an image without colours, else `RGB`."""
    return "L" if image.mode in _GRAYS or image.mode.startswith("I;16") else "RGB"


def in_mode(image: Image, mode: str) -> Image:
    """`image` in 8-bit `L` or `RGB`; 16-bit greys are scaled down, not clipped as PIL would."""
    from PIL import Image as Images

    if image.mode.startswith("I;16"):
        image = Images.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert(mode)


def pixels(image: Image) -> Tensor:
    """An image of mode `L` or `RGB` as (channels, height, width) uint8."""
    array = np.array(image)  # a copy: torch wants to own writable memory
    return torch.from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1).copy())
