"""Learning-rate schedules in addition to those of `torch.optim.lr_scheduler`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweepboard.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from sweepboard.training.schedules import WarmupCosine as WarmupCosine

__all__, __getattr__ = lazy_exports(
    __name__,
    {
        "WarmupCosine": "sweepboard.training.schedules",
    },
)
