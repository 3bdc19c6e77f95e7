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


_NEEDS_PATH: dict[str, Any] = {"used": _are_given, "unused": f"without {WEIGHTS}.path"}


@dataclass
class WeightsSettings:
    """The weights that a run begins with, from a file or from another run."""

    path: str | None = setting(None, "result")
    """A file of weights (`.pth`, `.pt`, `.safetensors`) or the folder of a run; null begins with new ones."""

    checkpoint: str = setting("best", "result", choices=("best", "last"), **_NEEDS_PATH)
    """Which weights of a run to take."""

    key: str | None = setting(None, "result", **_NEEDS_PATH)
    """Where in a file the tensors are (`model_ema`, `student.model`); null finds them if they are under one
    of the usual names: `state_dict`, `model_state_dict`, `model`."""

    strip_prefix: str | None = setting(None, "result", **_NEEDS_PATH)
    """Take only tensors whose names begin with this, and call them without it: `module.`."""

    add_prefix: str | None = setting(None, "result", **_NEEDS_PATH)
    """Put this before every name, after `strip_prefix`: `backbone.`."""

    exclude: list[str] = setting([], "result", **_NEEDS_PATH)
    """Tensors of the model that begin anew, as patterns of their names: `[fc.*]`."""

    strict: bool = setting(True, "result", **_NEEDS_PATH)
    """Refuse weights that lack tensors of the model or have others, but for those that are excluded."""
