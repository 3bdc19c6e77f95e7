"""Decode images into pixels. PIL is imported only here, and only when an image is read."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sweepboard.data.jpeg import START, Jpeg, decode, parse
from sweepboard.data.views import MIDDLE, Pixels, View, shown
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

DETAIL = 2
"""Pictures are decoded with at least so many pixels for each one of a sample, in both directions."""

_GRAYS = ("1", "L", "LA", "La", "I", "F")


def read_image(path: Path, size: int, view: View = MIDDLE) -> Tensor:
    """Return what `view` shows of the image as (3, size, size) uint8, of the upright picture.

    Raise `DamagedFile`, naming the file, for any error of the decoder.
    """
    with _naming(path):
        jpeg = _as_jpeg(path)
        if jpeg is None:
            picture = _upright(path, size)
            return shown(picture, view, view.box(*picture.shape[:2]), size)
        reduction = jpeg.reduction(DETAIL * size)
        box = view.box(-(-jpeg.height // reduction), -(-jpeg.width // reduction))
        return shown(decode(jpeg, reduction, box.top + box.height), view, box, size)


def read_picture(path: Path, size: int) -> Pixels:
    """Return the whole picture from which `read_image` cuts, upright, as RGB (height, width, 3).

    Raise `DamagedFile`, naming the file, for any error of the decoder.
    """
    with _naming(path):
        jpeg = _as_jpeg(path)
        if jpeg is None:
            return _upright(path, size)
        return decode(jpeg, jpeg.reduction(DETAIL * size), jpeg.height)


def picture_size(path: Path, size: int) -> int:
    """Return the number of pixels of `read_picture`, found without decoding it. Raise `DamagedFile`."""
    from PIL import Image

    with _naming(path), Image.open(path) as image:
        image.draft("RGB", (DETAIL * size, DETAIL * size))
        return int(image.width * image.height)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # decoders raise everything from SyntaxError to struct.error
        reason = str(error) or type(error).__name__
        raise DamagedFile(f"{path} cannot be read as an image ({reason}): repair or remove it") from error


def _as_jpeg(path: Path) -> Jpeg | None:
    """Return a JPEG that stands upright and is not too large; None for what Pillow opens, or refuses."""
    from PIL import Image

    with path.open("rb") as file:
        start = file.read(3)
        jpeg = parse(start + file.read()) if start == START else None
    most = Image.MAX_IMAGE_PIXELS
    if jpeg is None or (most is not None and jpeg.height * jpeg.width > most) or not jpeg.is_upright:
        return None
    return jpeg


def _upright(path: Path, size: int) -> Pixels:
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        image.draft("RGB", (DETAIL * size, DETAIL * size))
        return np.array(in_mode(ImageOps.exif_transpose(image), "RGB", image.format))


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
