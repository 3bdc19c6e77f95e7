"""Convert inputs and targets of users' data sets to tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sweepboard.data.images import in_mode, is_pil_image, natural_mode, pixels

_WHITE_OF_16_BITS = 65535


def input_tensor(value: Any, channels: int | None = None) -> Tensor:
    """Return an input as uint8 pixels (channels, height, width), or as numbers of the type they have.

    PIL images are converted to `channels` channels (1 or 3), or to what suits them if None. uint8 arrays of
    two or three dimensions are images, (height, width[, channels]) as everywhere outside torch; uint16 is
    treated alike, scaled to 0 to 1. Tensors keep their shape, but uint8 (height, width) gets a channel, and a
    single number a dimension. Python's floats and bools become float32. Raise ValueError for numbers that
    torch cannot stack, TypeError for anything else.
    """
    if is_pil_image(value):
        mode = natural_mode(value) if channels is None else {1: "L"}.get(channels, "RGB")
        return pixels(in_mode(value, mode))
    tensor = _tensor(value)
    if tensor.is_complex():
        raise ValueError("it is complex; make it real, by torch.view_as_real or abs()")
    if tensor.dtype not in (torch.uint8, torch.uint16) or tensor.ndim < 2:
        return _with_a_dimension(_computable(tensor))
    if tensor.dtype == torch.uint16:
        tensor = tensor.float() / _WHITE_OF_16_BITS
    if tensor.ndim == 2:
        return tensor[None]
    is_array_image = not isinstance(value, Tensor) and tensor.ndim == 3
    return tensor.permute(2, 0, 1).contiguous() if is_array_image else tensor


def target_tensor(value: Any) -> Tensor:
    """Return a target as an int64 class number (), or as real numbers of one or more dimensions.

    A single real number gets the shape (1,), like a model's one output. Raise TypeError for anything else,
    ValueError for sparse tensors.
    """
    tensor = _tensor(value)
    if tensor.is_floating_point():
        return _with_a_dimension(tensor)
    if tensor.numel() == 1 and not tensor.is_complex():
        return tensor.long().reshape(())
    raise TypeError(f"whole numbers of shape {tuple(tensor.shape)}")


def _computable(tensor: Tensor) -> Tensor:
    """Return bools as float32, and the unsigned types that torch hardly computes with as int64."""
    if tensor.dtype == torch.bool:
        return tensor.float()
    return tensor.long() if tensor.dtype in (torch.uint16, torch.uint32, torch.uint64) else tensor


def _with_a_dimension(tensor: Tensor) -> Tensor:
    return tensor if tensor.ndim else tensor.reshape(1)


def _tensor(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        if value.layout != torch.strided or value.is_nested:
            raise ValueError("it is sparse or nested; make it dense, by to_dense() or to_padded_tensor()")
        return value.dequantize().detach() if value.is_quantized else value.detach()
    if type(value) is float:
        return torch.tensor(value, dtype=torch.float32)
    if isinstance(value, bool | int | float | np.generic | np.ndarray):
        array = np.array(value)  # a copy: the data set's own memory may be read-only
        return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))
    raise TypeError(type(value).__name__)
