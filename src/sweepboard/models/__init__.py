"""The models that come with sweepboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweepboard.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from sweepboard.models.cnn import CNN as CNN
    from sweepboard.models.frozen import Frozen as Frozen
    from sweepboard.models.linear import Linear as Linear
    from sweepboard.models.mlp import MLP as MLP
    from sweepboard.models.resnet import resnet18 as resnet18

__all__, __getattr__ = lazy_exports(
    __name__,
    {
        "CNN": "sweepboard.models.cnn",
        "Frozen": "sweepboard.models.frozen",
        "Linear": "sweepboard.models.linear",
        "MLP": "sweepboard.models.mlp",
        "resnet18": "sweepboard.models.resnet",
    },
)
