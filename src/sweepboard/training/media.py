"""Bring pictures, sounds and meshes that callbacks log into one form of tensors on the CPU."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from sweepboard.errors import RunFailed, reason

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

Array: TypeAlias = Any
"""A tensor, an array of numpy, or nested lists of numbers."""

_CHANNELS = (1, 3, 4)


class NotLoggable(RunFailed):
    """A value that is not what it was logged as; the message names its tag."""


@contextmanager
def naming(tag: str) -> Iterator[None]:
    """Raise `NotLoggable`, which names the tag, if a value of it cannot be converted in the block."""
    try:
        yield
    except (TypeError, ValueError, RuntimeError, AttributeError) as error:  # of torch, NumPy, PIL, matplotlib
        raise NotLoggable(f"{tag}: {reason(error)}") from error


def check_mapping(values: object) -> None:
    """Raise TypeError if `values` are not numbers by their tags."""
    if not isinstance(values, Mapping):
        raise TypeError(f"a mapping of tags and numbers is needed, not {type(values).__name__}")


def text_of(markdown: str) -> str:
    """Return a text as it is. Raise TypeError for something else."""
    if not isinstance(markdown, str):
        raise TypeError(f"a text is a str, not {type(markdown).__name__}")
    return markdown


def tensor_of(values: Array) -> Tensor:
    """Return a copy of `values` on the CPU, so that later changes of the original do not show."""
    if isinstance(values, str):
        raise TypeError("a tensor or an array of numbers is needed, not str")
    return torch.as_tensor(values).detach().to("cpu", copy=True)


def pixels_of(picture: Image.Image | Array) -> Tensor:
    """Return a picture as bytes (height, width, channels).

    `picture` is one of PIL, or an array (height, width), (height, width, channels) or (channels, height,
    width), of bytes or of numbers from 0 to 1. Raise ValueError for another shape.
    """
    if hasattr(picture, "getbands"):
        has_letters = picture.mode not in ("L", "RGB", "RGBA")  # a palette, one bit, CMYK
        return _with_channels(torch.from_numpy(np.array(picture.convert("RGB") if has_letters else picture)))
    return _as_bytes(_with_channels(tensor_of(picture)))


def as_media(value: Any) -> tuple[str, dict[str, Any]] | None:
    """Return what kind of thing a logger logs for a picture or a text, and its content; None for a number."""
    if isinstance(value, str):
        return "text", {"markdown": value}
    if hasattr(value, "getbands"):
        return "image", {"pixels": pixels_of(value)}
    if hasattr(value, "savefig"):
        return "image", {"pixels": drawn(value)}
    return None


def frames_of(frames: Array) -> Tensor:
    """Return a film as bytes (frames, height, width, 3), from an array of pictures as `pixels_of` takes."""
    pictures = [pixels_of(frame) for frame in frames]
    return torch.stack([each.expand(-1, -1, 3) if each.shape[2] == 1 else each[..., :3] for each in pictures])


def samples_of(sound: Array) -> Tensor:
    """Return a sound as numbers from -1 to 1 (channels, samples). Raise ValueError for another shape."""
    samples = tensor_of(sound).float()
    samples = samples[None] if samples.ndim == 1 else samples
    if samples.ndim != 2 or len(samples) > 2:
        raise ValueError(f"a sound has the shape (samples,) or (channels, samples), not {_shape(samples)}")
    return samples.clamp(-1, 1)


def points_of(points: Array | None, dtype: torch.dtype) -> Tensor | None:
    """Return rows of three numbers: vertices, faces or colours of a mesh. Raise ValueError."""
    if points is None:
        return None
    rows = tensor_of(points).to(dtype)
    if rows.ndim != 2 or rows.shape[1] != 3:
        raise ValueError(f"vertices, faces and colours have the shape (number, 3), not {_shape(rows)}")
    return rows


def drawn(figure: Figure) -> Tensor:
    """Return a figure of matplotlib as a picture, and close it if it is one of pyplot."""
    if not hasattr(figure, "savefig"):
        raise TypeError(f"a figure is one of matplotlib, not {type(figure).__name__}")
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    picture = torch.from_numpy(np.asarray(canvas.buffer_rgba()).copy())
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close(figure)
    return picture[..., :3].contiguous()


def _with_channels(pixels: Tensor) -> Tensor:
    if pixels.ndim == 2:
        return pixels[..., None]
    if pixels.ndim == 3 and pixels.shape[2] not in _CHANNELS and pixels.shape[0] in _CHANNELS:
        return pixels.permute(1, 2, 0).contiguous()
    if pixels.ndim == 3 and pixels.shape[2] in _CHANNELS:
        return pixels
    raise ValueError(
        f"a picture has the shape (height, width), (height, width, channels) or (channels, height, width) "
        f"with 1, 3 or 4 channels, not {_shape(pixels)}"
    )


def _as_bytes(pixels: Tensor) -> Tensor:
    if pixels.dtype == torch.uint8:
        return pixels
    return pixels.float().nan_to_num().clamp(0, 1).mul(255).round().to(torch.uint8)


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))
