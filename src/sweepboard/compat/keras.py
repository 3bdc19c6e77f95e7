"""What a model of Keras 3 on torch does otherwise than torch's own modules. Read from Keras 3.15.1.

Keras is used only where the user's code has imported it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from traceback import extract_tb
from typing import Any

from torch import nn


def explained(error: BaseException) -> str | None:
    """Return what to do about Keras that looks for another backend; None for any other error."""
    if getattr(error, "name", None) not in ("tensorflow", "jax"):
        return None
    if any("keras" in Path(frame.filename).parts for frame in extract_tb(error.__traceback__)):
        return "Keras is to run on torch: type KERAS_BACKEND=torch before the command"
    return None


def begin_names() -> None:
    """Let Keras number its layers from the start: a model built again has the same names of weights."""
    if keras := sys.modules.get("keras"):
        keras.utils.clear_session(free_memory=False)


def follow_training_mode(model: nn.Module) -> None:
    """Let the Keras layers in `model` train in the mode that `train()` and `eval()` set.

    By themselves they train only where the call says `training=True`: dropout would do nothing, and batch
    norm would never see a batch. A call that says so has the last word.
    """
    if keras := sys.modules.get("keras"):
        for layer in _outermost(model, keras.Layer):
            layer.__class__ = _following(type(layer))


def _outermost(module: nn.Module, kind: type) -> Iterator[nn.Module]:
    """Yield the modules of a kind that are in no other of this kind."""
    if isinstance(module, kind):
        yield module
        return
    for child in module.children():
        yield from _outermost(child, kind)


def _following(layer_class: Any) -> type:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return layer_class.__call__(self, *args, **{"training": self.training, **kwargs})

    return type(
        layer_class.__name__, (layer_class,), {"__module__": layer_class.__module__, "__call__": call}
    )
