"""The arithmetic of forward and backward: fp32, bf16, or fp16 with loss scaling."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from sweepboard.errors import ConfigError, did_you_mean

DTYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
"""The dtype of autocast; None for no autocast."""


class Precision:
    """A precision (`fp32`, `bf16`, `fp16`) on a device. Weights always stay float32.

    Raise ConfigError for another name, and for fp16 on the CPU.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        if name not in DTYPES:
            raise ConfigError(f"trainer.precision={name} is unknown{did_you_mean(name, DTYPES)}")
        if name == "fp16" and device.type == "cpu":
            raise ConfigError("trainer.precision=fp16 needs a GPU, and this run is on the CPU: use bf16")
        self.name, self.device = name, device
        self.dtype = DTYPES[name]
        # fp16 has no gradients below 6e-8: the loss is scaled up before backward, the gradients down after.
        self.scaler = torch.amp.GradScaler(device.type) if name == "fp16" else None

    def autocast(self) -> AbstractContextManager[Any]:
        """Return a context manager in which a forward pass uses this precision."""
        return torch.autocast(self.device.type, self.dtype) if self.dtype is not None else nullcontext()
