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

from sweepboard.compat.torch import counts_for_scheduler, has_step_hooks, mark_as_stepped


def fast_step(optimizer: Optimizer) -> Callable[[], Any]:
    """Return a function that does what `optimizer.step()` does, faster for torch's own optimizers.

    It leaves out the wrappers for profiler and compiler. Where a hook is registered, or `step` is replaced,
    also later, it calls `optimizer.step()` itself.
    """
    cls, known = type(optimizer), vars(optimizer).get("step")
    if not _is_of_torch(optimizer) or not (known is None or counts_for_scheduler(known, cls)):
        return lambda: optimizer.step()
    step = inspect.unwrap(cls.step)
    mark_as_stepped(optimizer)

    def stepped() -> None:
        if has_step_hooks(optimizer) or vars(optimizer).get("step") is not known:
            optimizer.step()
            return
        with torch.no_grad():
            step(optimizer)

    return stepped


def _is_of_torch(optimizer: Optimizer) -> bool:
    return type(optimizer).__module__.startswith("torch.optim.") and not optimizer.defaults.get(
        "differentiable"
    )
