"""How the samples of a training set are read that are held out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Plain:
    """How to read samples that are evaluated, not trained on."""

    dataset: Any = None
    """The training set as it is evaluated, for held-out samples; None for the training set itself."""

    remedy: str | None = None
    """Advice if the training samples are random; None if they may be."""

    key: str = "dataset.eval_transform"
    """The setting that says so."""


AS_TRAINED = Plain()
"""They are read as they are trained on."""
