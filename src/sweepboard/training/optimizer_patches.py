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


def spare_the_compiler() -> None:
    """Let the next optimizer be made without an import of `torch._dynamo`.

    `torch._disable_dynamo` keeps, beside each method it wraps, the method that the compiler has been told
    about, and imports the compiler where there is none: this gives it the method itself. In a torch that does
    otherwise nothing is changed.
    """
    for method in vars(Optimizer).values():
        plain = getattr(method, "__wrapped__", None)
        if plain is not None and not hasattr(plain, "__dynamo_disable"):
            setattr(plain, "__dynamo_disable", plain)


def plain_step(optimizer: Optimizer) -> Callable[[], Any]:
    """`optimizer.step`, for torch's own optimizers without the wrappers for profiler and compiler.

    The wrappers call hooks, of which we register none, and switch gradients off, which is done here.
    """
    cls = type(optimizer)
    if not cls.__module__.startswith("torch.optim.") or optimizer.defaults.get("differentiable"):
        return optimizer.step
    step = inspect.unwrap(cls.step)
    optimizer._opt_called = True  # type: ignore[attr-defined] # else schedulers warn that it was never called

    def stepped() -> None:
        with torch.no_grad():
            step(optimizer)

    return stepped
