"""Check what a training function saves: only what `torch.load(weights_only=True)` can read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from sweepboard.training.checkpoint_file import PLAIN, read_again


def checked_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return `state` with NumPy's numbers as Python's.

    Raise TypeError, naming the place, for what cannot be read again safely.
    """
    if not isinstance(state, Mapping):
        raise TypeError(
            f"run.save: needs a mapping such as {{'model': model.state_dict()}}, got {_name(state)}"
        )
    return {key: _checked(child, f"state[{key!r}]") for key, child in state.items()}


def _checked(value: Any, place: str) -> Any:
    if isinstance(value, torch.Tensor) or type(value) in PLAIN:
        return value
    if isinstance(value, np.generic):
        return value.item()
    if type(value) in (list, tuple):
        return type(value)(_checked(child, f"{place}[{index}]") for index, child in enumerate(value))
    if isinstance(value, Mapping) and isinstance(value, dict):
        plain = {key: _checked(child, f"{place}[{key!r}]") for key, child in value.items()}
        return plain if type(value) is dict else _readable(value, plain, place)
    return _readable(value, value, place)


def _readable(value: Any, plain: Any, place: str) -> Any:
    """Return `plain` if torch reads a `value` of this type again."""
    try:
        read_again(value)
    except Exception as error:
        hint = (
            "its .state_dict()" if hasattr(value, "state_dict") else "tensors, numbers, texts and containers"
        )
        raise TypeError(
            f"run.save: {place} is a {_name(value)}; a checkpoint holds no such thing: give {hint}"
        ) from error
    return plain


def _name(value: object) -> str:
    return type(value).__name__
