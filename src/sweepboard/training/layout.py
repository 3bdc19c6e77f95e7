"""The memory layout and the precision of (input, target) pairs, as the model's weights have them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sweepboard.data.types import Batch


class Layout:
    """Channels-last images where the model has convolutions, and float32 where its weights have it."""

    def __init__(self, model: nn.Module, channels_last: bool) -> None:
        parameters = list(model.parameters())
        # Only where there are convolutions: for others a transposed batch would cost a copy.
        self._channels_last = channels_last and any(each.ndim == 4 for each in parameters)
        self._of_images = torch.channels_last if self._channels_last else torch.contiguous_format
        if self._channels_last:
            model.to(memory_format=torch.channels_last)
        self._is_float32 = all(each.dtype is torch.float32 for each in parameters)

    def of(self, batch: Batch) -> Batch:
        """Return a pair in the memory layout and the precision of the weights.

        The float64 of NumPy becomes the float32 of the weights. Other batches stay as they are.
        """
        if type(batch) not in (tuple, list) or len(batch) != 2:
            return batch
        inputs, targets = batch
        if not isinstance(inputs, Tensor) or not isinstance(targets, Tensor):
            return batch
        if self._is_float32:
            inputs, targets = _without_float64(inputs), _without_float64(targets)
        if inputs.ndim == 4:  # images of any reader alike, so that none changes a bit
            inputs = inputs.contiguous(memory_format=self._of_images)
        return inputs, targets


def _without_float64(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype is torch.float64 else tensor
