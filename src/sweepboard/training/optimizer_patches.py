"""torch's optimizers without torch's compiler, whose import takes nearly as long as that of torch.

An optimizer imports `torch._dynamo` when it is made, and again at every step, to tell the compiler to leave
it alone. Where nothing is compiled there is nobody to tell.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer

from sweepboard.compat.torch import mark_as_stepped


def plain_step(optimizer: Optimizer) -> Callable[[], Any]:
    """`optimizer.step`, for torch's own optimizers without the wrappers for profiler and compiler.

    The wrappers call hooks, of which we register none, and switch gradients off, which is done here.
    """
    cls = type(optimizer)
    if not cls.__module__.startswith("torch.optim.") or optimizer.defaults.get("differentiable"):
        return optimizer.step
    step = inspect.unwrap(cls.step)
    mark_as_stepped(optimizer)

    def stepped() -> None:
        with torch.no_grad():
            step(optimizer)

    return stepped
