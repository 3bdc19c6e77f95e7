"""Which of a model's outputs is compared with the targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sweepboard.errors import ConfigError


def main_output(outputs: Any) -> Any:
    """Return what is compared with the targets of what a model returns.

    That is `logits` in the outputs of transformers, `out` in those of torchvision's segmentation models;
    other outputs are returned as they are. Raise ConfigError for an auxiliary head: nothing would train it.
    """
    if not isinstance(outputs, Mapping):
        return outputs
    if "aux" in outputs:
        raise ConfigError(
            "model: it has an auxiliary head, which no loss here would train: use model.aux_loss=false, or a "
            "task of your own (docs/own_task.md)"
        )
    return next((outputs[name] for name in ("logits", "out") if name in outputs), outputs)
