"""Steps of torch's optimizers that do not import `torch._dynamo`.

An optimizer imports `torch._dynamo` when it is created, and again at every step, to exclude itself from
compilation. That import takes nearly as long as the import of torch, and is needed only with `torch.compile`.
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

    It skips the wrappers for profiler and compiler. If a hook is registered or `step` is replaced, even
    later, it calls `optimizer.step()` itself.
    """
    cls, known = type(optimizer), vars(optimizer).get("step")
    if not is_of_torch(optimizer) or not (known is None or counts_for_scheduler(known, cls)):
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


def is_of_torch(optimizer: Optimizer) -> bool:
    return type(optimizer).__module__.startswith("torch.optim.") and not optimizer.defaults.get(
        "differentiable"
    )
