"""The callbacks that come with sweepboard, and the base class of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweepboard.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from sweepboard.callbacks.averages import EMA as EMA
    from sweepboard.callbacks.averages import SWA as SWA
    from sweepboard.callbacks.freeze import Freeze as Freeze
    from sweepboard.callbacks.gradient_norm import GradientNorm as GradientNorm
    from sweepboard.callbacks.lr_finder import LearningRateFinder as LearningRateFinder
    from sweepboard.training.callback import Callback as Callback

__all__, __getattr__ = lazy_exports(
    __name__,
    {
        "Callback": "sweepboard.training.callback",
        "EMA": "sweepboard.callbacks.averages",
        "Freeze": "sweepboard.callbacks.freeze",
        "GradientNorm": "sweepboard.callbacks.gradient_norm",
        "LearningRateFinder": "sweepboard.callbacks.lr_finder",
        "SWA": "sweepboard.callbacks.averages",
    },
)
