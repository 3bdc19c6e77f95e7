"""Keras 3 on its torch backend. Read from Keras 3.15."""

from __future__ import annotations

import sys
from typing import Any

from torch import nn


def follow_training_mode(model: nn.Module) -> None:
    """Let the layers of Keras in `model` train (Dropout, BatchNormalization) where `model.train()` says so.

    Keras asks the argument `training` of the outermost call, not the mode of the torch module, and takes
    False without it. Layers whose call has no such argument tell their inner layers nothing and are left
    as they are. When the private name goes, look for `training` in the signature of `call`.
    """
    keras: Any = sys.modules.get("keras")
    if keras is None:
        return
    for module in model.modules():
        if isinstance(module, keras.Layer) and module._call_has_training_arg:
            object.__setattr__(module, "__class__", _following(type(module)))


def _following(layer: Any) -> Any:
    """Return a class of layers like `layer` that is called with `training` as its mode says."""

    def call(self: Any, *inputs: Any, **keywords: Any) -> Any:
        if keywords.get("training") is None:
            keywords["training"] = self.training
        return layer.__call__(self, *inputs, **keywords)

    names = {"__module__": layer.__module__, "__qualname__": layer.__qualname__, "__call__": call}
    return type(layer.__name__, (layer,), names)
