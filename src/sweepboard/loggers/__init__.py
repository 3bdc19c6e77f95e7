"""The loggers that come with sweepboard, and the base class of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweepboard.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from sweepboard.training.logger import Logger as Logger

__all__, __getattr__ = lazy_exports(
    __name__,
    {
        "Logger": "sweepboard.training.logger",
    },
)
