"""Give a model other weights for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn


@contextmanager
def replaced(model: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Copy `weights` into the tensors of the model, by name, during the block; then restore its own.

    The tensors stay the same objects, so that the optimizer, torch.compile and CUDA graphs still know them.
    """
    own = {name: tensor for name, tensor in model.state_dict().items() if name in weights}
    kept = {name: tensor.clone() for name, tensor in own.items()}
    _copy(own, weights)
    try:
        yield
    finally:
        _copy(own, kept)


def _copy(into: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in into.items():
        tensor.copy_(tensors[name])
