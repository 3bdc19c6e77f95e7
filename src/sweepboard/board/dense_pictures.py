"""Pictures of images that a model gives out: masks, reconstructions, generated images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from sweepboard.board.images import Caption, grid, to_pixels
from sweepboard.board.model_outputs import Shown
from sweepboard.data.types import DataSpec

if TYPE_CHECKING:
    from PIL import Image

_IMAGE = DataSpec((1, 1, 1))
"""Images that are shown in their own range."""


def spec_of(shown: Shown) -> DataSpec:
    """Return a description of samples that only their task knows."""
    outputs, targets = shown.outputs, shown.targets
    is_class = not targets.is_floating_point() and targets.ndim == 1 and outputs.ndim == 2
    shape, target_shape = tuple(shown.inputs.shape[1:]), tuple(targets.shape[1:])
    return DataSpec(shape, outputs.shape[1] if is_class else None, () if is_class else target_shape)


def is_dense(shown: Shown) -> bool:
    """Return whether inputs and outputs are images."""
    return shown.inputs.ndim == shown.outputs.ndim == 4 and shown.inputs.shape[1] in (1, 3)


def draw_dense(shown: Shown) -> Image.Image:
    """Draw each input beside its target and its output; a class per pixel is drawn as a shade of grey."""
    classes = shown.outputs.shape[1]
    parts = {
        "input": to_pixels(shown.inputs, _IMAGE),
        "target": to_pixels(_as_image(shown.targets, classes), _IMAGE),
        "output": to_pixels(_as_image(_chosen(shown), classes), _IMAGE),
    }
    tiles = [(name, pixels[number]) for number in range(len(shown.inputs)) for name, pixels in parts.items()]
    return grid([pixels for _, pixels in tiles], [Caption(name) for name, _ in tiles], columns=len(parts))


def _chosen(shown: Shown) -> Tensor:
    """Return the class of each pixel where the targets are classes, else the outputs themselves."""
    return shown.outputs if shown.targets.is_floating_point() else shown.outputs.argmax(1)


def _as_image(values: Tensor, classes: int) -> Tensor:
    """Return class numbers (batch, height, width) as shades from 0 to 1; images stay."""
    if values.is_floating_point():
        return values if values.ndim == 4 else values[:, None]
    return (values.clamp(0, classes - 1).float() / max(1, classes - 1)).reshape(
        len(values), 1, *values.shape[-2:]
    )
