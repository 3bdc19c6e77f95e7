"""A multi-layer perceptron for samples of any shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import prod

from torch import Tensor, nn


class MLP(nn.Module):
    """Linear layers with ReLU between them.

    `input_shape` is one sample's shape (flattened first), `outputs` the number of outputs per sample,
    `hidden` the width of each hidden layer. `batch_norm` normalises before each ReLU, `dropout` drops after
    it.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        outputs: int,
        hidden: Sequence[int] = (256, 128),
        batch_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        widths = [prod(input_shape), *hidden]
        self.layers = nn.Sequential(
            nn.Flatten(), *_blocks(widths, batch_norm, dropout), nn.Linear(widths[-1], outputs)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Map samples (batch, *input_shape) to (batch, outputs)."""
        outputs: Tensor = self.layers(inputs)
        return outputs


def _blocks(widths: Sequence[int], batch_norm: bool, dropout: float) -> Iterator[nn.Module]:
    for before, after in pairwise(widths):
        yield nn.Linear(before, after)
        if batch_norm:
            yield nn.BatchNorm1d(after)
        yield nn.ReLU()
        if dropout > 0:
            yield nn.Dropout(dropout)
