"""Convert raw samples to normalised model inputs."""

from __future__ import annotations

import torch
from torch import Tensor

from sweepboard.data.types import DataSpec


class Normalise:
    """(x - mean) / std per channel, as one multiplication and addition; uint8 pixels are scaled to 0 to 1."""

    def __init__(self, spec: DataSpec, device: torch.device) -> None:
        self._own = self._constants(spec, 1.0, device)
        self._pixels = self._constants(spec, 255.0, device)

    def __call__(self, raw: Tensor) -> Tensor:
        """Return `raw` (batch, *input_shape), uint8 or float32, as float32.

        The same tensor is returned if there is nothing to do.
        """
        constants = self._pixels if raw.dtype == torch.uint8 else self._own
        if constants is None:
            return raw
        if raw.device.type == "cpu" and raw.ndim == 4 and not raw.is_contiguous():
            return _by_rows(raw, *constants)
        return raw.to(torch.float32, copy=True).mul_(constants[0]).add_(constants[1])

    @staticmethod
    def _constants(spec: DataSpec, unit: float, device: torch.device) -> tuple[Tensor, Tensor] | None:
        mean = torch.tensor(spec.mean, dtype=torch.float64)
        std = torch.tensor(spec.std, dtype=torch.float64)
        scale, shift = 1 / (unit * std), -mean / std
        if bool((scale == 1).all() and (shift == 0).all()):
            return None
        channel = (-1, *[1] * (len(spec.input_shape) - 1))
        return scale.float().view(channel).to(device), shift.float().view(channel).to(device)


def _by_rows(raw: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Return the same numbers for images laid out by pixels, as decoders give them: channels last.

    Rows of pixels are one loop for the processor, and one image at a time stays in its cache.
    """
    count, channels, height, width = raw.shape
    rows = raw.permute(0, 2, 3, 1).reshape(count, height, width * channels)
    scales, shifts = (part.expand(channels, 1, 1).flatten().repeat(width) for part in (scale, shift))
    result = torch.empty(rows.shape, dtype=torch.float32)
    for one, place in zip(rows, result, strict=True):
        place.copy_(one).mul_(scales).add_(shifts)
    return result.view(count, height, width, channels).permute(0, 3, 1, 2)
