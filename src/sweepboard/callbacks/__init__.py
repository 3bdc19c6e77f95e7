"""The callbacks that come with sweepboard, and the base class of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweepboard.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from sweepboard.training.callback import Callback as Callback

__all__, __getattr__ = lazy_exports(
    __name__,
    {
        "Callback": "sweepboard.training.callback",
    },
)
