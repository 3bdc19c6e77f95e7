"""One linear layer: linear regression, or logistic regression before its softmax."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Tensor, nn


class Linear(nn.Module):
    """One linear layer on flattened samples of shape `input_shape`, with `outputs` outputs."""

    def __init__(self, input_shape: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(prod(input_shape), outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map samples (batch, *input_shape) to (batch, outputs)."""
        outputs: Tensor = self.linear(inputs.flatten(1))
        return outputs
