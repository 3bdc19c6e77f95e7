"""What torch's optimizers need around their steps: no import of `torch._dynamo`, and a momentum for all.

An optimizer imports `torch._dynamo` when it is created, and again at every step, to exclude itself from
compilation. That import takes nearly as long as the import of torch, and is needed only with `torch.compile`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.nn import Parameter
from torch.optim import SGD, Optimizer

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


def begin_momentum(optimizer: Optimizer, weights: Iterable[Parameter]) -> None:
    """Give SGD a momentum of zero for `weights`: fused, it takes none that begin later than others."""
    begun = {id(weight) for weight in weights}
    for group in optimizer.param_groups if isinstance(optimizer, SGD) else ():
        for weight in group["params"]:
            if group["momentum"] and id(weight) in begun:
                optimizer.state[weight].setdefault("momentum_buffer", torch.zeros_like(weight))
