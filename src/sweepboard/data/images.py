"""Decode images into pixels. PIL is imported only here, and only when an image is read."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
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
"""Suffixes of image files, in lower case."""

_DEEP = ("I", "F")
"""PIL's modes for greyscale with 32 bits; those with 16 start with `I;16`."""

_BY_WAY_OF = {"La": "LA", "RGBa": "RGBA", "PA": "RGBA"}
"""Modes that PIL cannot convert directly, and an intermediate one."""

Pixels: TypeAlias = npt.NDArray[Any]

_GRAYS = ("1", "L", "LA", "La", "I", "F")


def read_image(path: Path, size: int) -> Tensor:
    """Return the image as (3, size, size) uint8: upright, the shorter side scaled to `size`, centre-cropped.

    Raise `DamagedFile`, naming the file, for any error of the decoder.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            image.draft("RGB", (2 * size, 2 * size))  # lets a large JPEG be decoded at a fraction of its size
            upright = ImageOps.exif_transpose(image)
            fitted = ImageOps.fit(
                in_mode(upright, "RGB", image.format), (size, size), Image.Resampling.BILINEAR
            )
    except Exception as error:  # decoders raise everything from SyntaxError to struct.error
        reason = str(error) or type(error).__name__
        raise DamagedFile(f"{path} cannot be read as an image ({reason}): repair or remove it") from error
    return pixels(fitted)


def is_pil_image(value: object) -> bool:
    """Return whether `value` is a PIL image, without importing PIL."""
    return any(base.__module__.startswith("PIL.") for base in type(value).__mro__)


def natural_mode(image: Image) -> str:
    """Return `L` for an image without colours, else `RGB`."""
    return "L" if image.mode in _GRAYS or image.mode.startswith("I;16") else "RGB"


def in_mode(image: Image, mode: str, file_format: str | None = None) -> Image:
    """Return `image` in 8-bit `L` or `RGB`; deeper greyscale is scaled, not clipped as PIL would.

    16-bit integers are scaled to the full range, real numbers from 0 to 1. 12-bit pixels in 16-bit files
    cannot be detected: they stay dark. Raise ValueError for numbers of another range.
    """
    from PIL import Image as Images

    if image.mode in _DEEP or image.mode.startswith("I;16"):
        image = Images.fromarray(_in_8_bits(np.asarray(image), image.mode, file_format or image.format))
    if image.mode in _BY_WAY_OF or (image.mode == "P" and "transparency" in image.info):
        image = image.convert(_BY_WAY_OF.get(image.mode, "RGBA"))
    return image.convert(mode)


def _in_8_bits(greys: Pixels, mode: str, file_format: str | None) -> npt.NDArray[np.uint8]:
    if mode == "F":
        _check_range(greys, 0, 1, "real numbers")
        in_8_bits: npt.NDArray[np.uint8] = (greys * 255).round().astype(np.uint8)
        return in_8_bits
    if mode == "I":
        # White is unknown for 32-bit integers: 255 and 65535 are both usual. PGM states it, and PIL scales it
        # to 65535.
        least = 0 if file_format == "PPM" or not greys.any() else 256
        _check_range(greys, 0, 65535, "whole numbers of 32 bits", least)
    return (greys >> 8).astype(np.uint8)


def _check_range(greys: Pixels, low: int, high: int, what: str, least: int = 0) -> None:
    smallest, largest = greys.min(), greys.max()
    if not (low <= smallest and least <= largest <= high):  # NaN is in no range
        raise ValueError(
            f"its pixels are {what} from {smallest:g} to {largest:g}, of which only those from {low} to "
            f"{high} are known to go from black to white; save it in 8 or 16 bits"
        )


def hush_decoders() -> None:
    """Silence PIL's warnings about large images or metadata, in each worker.

    Images that cannot be decoded still raise an error.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")


def pixels(image: Image) -> Tensor:
    """Return an image of mode `L` or `RGB` as (channels, height, width) uint8."""
    array = np.array(image)  # a copy: torch wants to own writable memory
    return torch.from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1).copy())
