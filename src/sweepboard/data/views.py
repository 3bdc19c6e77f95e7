"""The part of a picture that a sample shows: its middle, or a random part of random size and shape."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, NamedTuple, TypeAlias

import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from sweepboard.data.seeds import derive_seed

Pixels: TypeAlias = npt.NDArray[Any]

SHAPES = (3 / 4, 4 / 3)
"""The range of width / height of random parts, as everywhere in the field."""

_TRIES = 10


class Box(NamedTuple):
    """A part of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class View:
    """What a sample shows of a picture."""

    box: Callable[[int, int], Box]
    """Returns the part to show of a picture of some height and width."""

    mirrored: bool = False


@dataclass(frozen=True)
class RandomViews:
    """Random parts, scaled to one size, and mirrored at random: a function of (seed, epoch, sample)."""

    seed: int
    least: float = 0.08
    """The smallest share of a picture's area."""

    flip: bool = False

    def of(self, epoch: int, sample: int) -> View:
        """Return what a sample shows in an epoch."""
        draws = Random(derive_seed(self.seed, "view", epoch, sample))
        mirrored = draws.random() < 0.5
        return View(partial(random_box, draws, self.least), self.flip and mirrored)


def middle_box(height: int, width: int) -> Box:
    """Return the largest square in the middle."""
    side = min(height, width)
    return Box((height - side) // 2, (width - side) // 2, side, side)


def random_box(draws: Random, least: float, height: int, width: int) -> Box:
    """Return a random part, drawn as torchvision's `RandomResizedCrop` draws it.

    Area and shape are drawn until the part fits; in a very long picture it is the middle, as long as allowed.
    """
    for _ in range(_TRIES):
        area = height * width * draws.uniform(least, 1)
        shape = math.exp(draws.uniform(math.log(SHAPES[0]), math.log(SHAPES[1])))
        w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
        if 0 < w <= width and 0 < h <= height:
            return Box(draws.randint(0, height - h), draws.randint(0, width - w), h, w)
    w, h = min(width, round(height * SHAPES[1])), min(height, round(width / SHAPES[0]))
    return Box((height - h) // 2, (width - w) // 2, max(1, h), max(1, w))


MIDDLE = View(middle_box)


def shown(picture: Pixels, view: View, box: Box, size: int) -> Tensor:
    """Return the part `box` of RGB pixels (height, width, 3) as (3, size, size) uint8, channels last."""
    part = picture[box.top : box.top + box.height, box.left : box.left + box.width]
    pixels = torch.from_numpy(part).permute(2, 0, 1)[None]
    square = pixels.contiguous(memory_format=torch.channels_last)  # scaled in half the time, and stays so
    if part.shape[:2] != (size, size):
        square = F.interpolate(square, (size, size), mode="bilinear", antialias=True)
    return (square.flip(3) if view.mirrored else square)[0]
