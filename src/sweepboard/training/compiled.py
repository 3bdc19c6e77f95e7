"""The model behind torch.compile, and whether that can work on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from sweepboard.errors import ConfigError


def check_compiler(device: torch.device, how: bool | str) -> None:
    """Raise ConfigError if torch.compile on the CPU is asked for and there is no C++ compiler."""
    if how and device.type == "cpu" and not any(map(shutil.which, ("g++", "c++", "clang++"))):
        told = f"trainer.compile={str(how).lower()} on the CPU needs a C++ compiler"
        raise ConfigError(f"{told}: install g++, or leave it out")


def compiled(model: nn.Module, how: bool | str) -> Callable[..., Any]:
    """Return torch's wrapper around `model`, with its attributes; a string is a mode of torch.compile."""
    mode = how if isinstance(how, str) else None
    return torch.compile(model, mode=mode)


def new_step() -> None:
    """Tell CUDA graphs, which write every output to the same memory, that earlier outputs are done with."""
    torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
