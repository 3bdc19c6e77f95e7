"""The arithmetic of forward and backward: fp32, bf16, or fp16 with loss scaling."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from sweepboard.errors import ConfigError, did_you_mean

DTYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
"""What autocast computes in; None where there is no autocast."""


class Precision:
    """What a precision word (`fp32`, `bf16`, `fp16`) means on a device. Weights stay float32 always.

    Raises ConfigError for another word, and for fp16 on a device that is not a GPU.
    """

    def __init__(self, word: str, device: torch.device) -> None:
        if word not in DTYPES:
            raise ConfigError(f"trainer.precision={word} is unknown{did_you_mean(word, DTYPES)}")
        if word == "fp16" and device.type == "cpu":
            raise ConfigError("trainer.precision=fp16 needs a GPU, and this run is on the CPU: use bf16")
        self.word, self.device = word, device
        self.dtype = DTYPES[word]
        # fp16 has no gradients below 6e-8: the loss is scaled up before backward, the gradients down after.
        self.scaler = torch.amp.GradScaler(device.type) if word == "fp16" else None

    def autocast(self) -> AbstractContextManager[Any]:
        """A context in which a forward pass uses this precision."""
        return torch.autocast(self.device.type, self.dtype) if self.dtype is not None else nullcontext()
