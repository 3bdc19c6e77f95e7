"""Sample images of the training data, as one grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sweepboard.board.fonts import class_label, font_file
from sweepboard.training.callback import Callback

if TYPE_CHECKING:
    from PIL import Image

    from sweepboard.data.types import DataSpec
    from sweepboard.training.progress import Progress

Pixels: TypeAlias = npt.NDArray[np.uint8]

COLUMNS = 4
CELL = 87
"""Width in pixels of a picture's place in a grid.

Four of them fill the 350 pixels in which TensorBoard shows an image; wider images are shrunk by dropping
pixels.
"""

TILE = 84
"""Longest side of the picture itself, in pixels."""

LINE = 13
"""Height of a line of a caption, in pixels."""


class SampleImages(Callback):
    """Logs `train/samples` at the start of a run: the first samples, with their classes."""

    may_fail = True

    def __init__(self, count: int) -> None:
        self.count = count

    def on_start(self, progress: Progress) -> None:
        spec = progress.data.spec
        if progress.step > 0 or spec is None or not spec.is_image:
            return
        inputs, targets = progress.data.train.first(self.count)
        captions = [Caption(label_of(target, spec)) for target in targets.tolist()]
        progress.log.image("train/samples", grid(to_pixels(inputs, spec), captions))


def name_of(target: float, spec: DataSpec) -> str:
    """Return the name of a class, or the number itself if it has none."""
    if spec.classes is None:
        return f"{target:.4g}"
    return spec.class_names[int(target)] if spec.class_names else str(int(target))


def label_of(target: float, spec: DataSpec) -> str:
    """Return the name of a class with letters that a picture can show."""
    name = name_of(target, spec)
    return name if spec.classes is None else class_label(name, int(target))


def to_pixels(inputs: Tensor, spec: DataSpec) -> Pixels:
    """Return normalised images (batch, channels, height, width) as RGB (batch, height, width, 3).

    Mean and standard deviation are undone. Images that are then outside of 0..1 were normalised elsewhere and
    are scaled from their own range. If the channels are not red, green and blue, the first one is shown.
    """
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (spec.mean, spec.std))
    images = inputs.detach().float().cpu() * std + mean
    low, high = images.min(), images.max()
    if low < -0.01 or high > 1.01:
        images = (images - low) / (high - low)
    channels = images if images.shape[1] == 3 else images[:, :1].expand(-1, 3, -1, -1)
    pixels: Pixels = channels.mul(255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    return pixels


class Caption(NamedTuple):
    """Text below a picture of a grid; may have several lines."""

    text: str
    colour: str = "black"


def grid(
    pixels: Sequence[npt.NDArray[np.uint8]] | Pixels, captions: Sequence[Caption], columns: int = COLUMNS
) -> Image.Image:
    """Return pictures (height, width, 3) in rows of `columns`, each above its caption.

    Small pictures are enlarged by a whole number, so that pixels stay sharp. Large ones are reduced to twice
    the normal size, to be seen well when clicked.
    """
    from PIL import Image, ImageDraw, ImageFont

    zoom = 1 if max(max(picture.shape[:2]) for picture in pixels) <= TILE else 2
    cell, line, edge = zoom * CELL, zoom * LINE, zoom * 2
    tiles = [_fit(Image.fromarray(picture), zoom * TILE) for picture in pixels]
    lines = max(caption.text.count("\n") + 1 for caption in captions)
    height = tiles[0].height + lines * line + 3 * edge
    sheet = Image.new(
        "RGB", (columns * cell + edge, math.ceil(len(tiles) / columns) * height + edge), "white"
    )
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(zoom * 11)
    for place, (tile, caption) in enumerate(zip(tiles, captions, strict=True)):
        middle, top = place % columns * cell + cell // 2 + edge // 2, place // columns * height + edge
        sheet.paste(tile, (middle - tile.width // 2, top))
        for number, text in enumerate(caption.text.split("\n")):
            at = (middle, top + tile.height + edge + number * line)
            file = font_file(text)
            drawn = font if file is None else ImageFont.truetype(file, zoom * 11)
            draw.text(at, _shorten(text, cell - edge, drawn.getlength), caption.colour, drawn, anchor="ma")
    return sheet


def _fit(picture: Image.Image, longest: int) -> Image.Image:
    longer = max(picture.size)
    if longer > longest:
        picture.thumbnail((longest, longest))
        return picture
    factor = longest // longer
    return picture.resize((picture.width * factor, picture.height * factor), resample=0)


def _shorten(line: str, width: int, length: Callable[[str], float]) -> str:
    """Return `line`, cut to `width` pixels."""
    kept = line
    while kept and length(kept) > width:
        kept = kept.removesuffix("…")[:-1] + "…" if len(kept) > 1 else ""
    return kept
