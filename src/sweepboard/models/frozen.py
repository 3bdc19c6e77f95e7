"""A model that a task uses and no optimizer trains: a teacher, the features of a perceptual loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn


class Frozen(nn.Module):
    """Holds `model` in evaluation mode, without gradients for its weights, on the device of its owner.

    Its weights are in no checkpoint: they are read again from where they come from. Gradients go through it
    to its inputs.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._held = (model.eval().requires_grad_(False),)  # a tuple: no submodule, so in no state dict

    @property
    def model(self) -> nn.Module:
        """The model itself."""
        return self._held[0]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.model(*args, **kwargs)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Frozen:
        self.model._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self
