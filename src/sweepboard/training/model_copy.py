"""Deep copies of models."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, is_lazy


def copied(model: nn.Module, device: str | None = None) -> nn.Module:
    """Return a deep copy; on the `device` meta it needs no memory.

    deepcopy refuses buffers without a shape (LazyBatchNorm): these are created anew.
    """
    made: dict[int, Any] = {}
    for tensor in (*model.parameters(), *model.buffers()):
        if device is not None:
            made[id(tensor)] = _like(tensor, device)
        elif is_lazy(tensor) and not isinstance(tensor, nn.Parameter):
            made[id(tensor)] = UninitializedBuffer(dtype=tensor.dtype)  # type: ignore[call-arg]
    return copy.deepcopy(model, made)


def _like(tensor: torch.Tensor, device: str) -> torch.Tensor:
    moved = torch.empty_like(tensor, device=device)
    return nn.Parameter(moved, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else moved
