"""Check that samples have a shape that a model can take, before it builds a layer."""

from __future__ import annotations

from collections.abc import Sequence

from sweepboard.errors import ConfigError


def require_images(model: str, input_shape: Sequence[int], smallest: int = 1) -> tuple[int, int, int]:
    """Return `input_shape` as (channels, height, width), for a convolutional model.

    Raise ConfigError, naming a model to use instead, if samples are not images or are smaller than `smallest`
    pixels a side.
    """
    if len(input_shape) != 3:
        raise ConfigError(
            f"model={model} needs images of shape (channels, height, width), "
            f"but a sample of this data set has shape {tuple(input_shape)}: use model=mlp"
        )
    channels, height, width = input_shape
    if min(height, width) < smallest:
        raise ConfigError(
            f"model={model} needs images of at least {smallest}x{smallest} pixels, "
            f"but this data set has {height}x{width}: use model=mlp, or fewer model.channels"
        )
    return channels, height, width
