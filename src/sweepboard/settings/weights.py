"""Settings of the weights that a run begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweepboard.settings.field import setting

WEIGHTS = "weights"
"""The key of these settings."""


def _are_given(weights: Mapping[str, Any]) -> bool:
    return weights.get("path") is not None


@dataclass
class WeightsSettings:
    """The weights that a run begins with, from a file or from another run."""

    path: str | None = setting(None, "result")
    """A file of weights (`.pth`, `.pt`, `.safetensors`) or the folder of a run; null begins with new ones."""

    checkpoint: str = setting("best", "result", choices=("best", "last"), used=_are_given)
    """Which weights of a run to take."""

    key: str | None = setting(None, "result", used=_are_given)
    """Where in a file the tensors are (`model_ema`, `student.model`); null finds them if they are under one
    of the usual names: `state_dict`, `model_state_dict`, `model`."""

    strip_prefix: str | None = setting(None, "result", used=_are_given)
    """Take only tensors whose names begin with this, and call them without it: `module.`."""

    add_prefix: str | None = setting(None, "result", used=_are_given)
    """Put this before every name, after `strip_prefix`: `backbone.`."""

    exclude: list[str] = setting([], "result", used=_are_given)
    """Tensors of the model that begin anew, as patterns of their names: `[fc.*]`."""

    strict: bool = setting(True, "result", used=_are_given)
    """Refuse weights that lack tensors of the model or have others, but for those that are excluded."""
