"""Gradient checkpointing: compute parts of the forward pass again in backward instead of keeping them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from fnmatch import fnmatchcase
from types import MethodType
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from sweepboard.errors import ConfigError
from sweepboard.training.kept_buffers import buffers_kept

KEY = "trainer.gradient_checkpointing"

_OWN = {
    "gradient_checkpointing_enable": {"gradient_checkpointing_kwargs": {"use_reentrant": False}},
    "set_grad_checkpointing": {},
}
"""The methods by which models of transformers and of timm switch it on, with their arguments."""


def checkpoint_gradients(model: nn.Module, how: Any) -> None:
    """Let `model` checkpoint its gradients.

    `how` is a list of patterns of names of modules, True for the model's own way, or False. Raise
    `ConfigError` for a pattern that matches no module, and for a model that has no way of its own.
    """
    if how is True:
        _switch_on(model)
    elif how and not (isinstance(how, list) and all(isinstance(pattern, str) for pattern in how)):
        raise ConfigError(f"{KEY}: needs true, false or patterns, such as [layer1,blocks.*]")
    elif how:
        for module in _chosen(model, how):
            module.forward = MethodType(_forward, module)  # a method, which a deep copy binds to the copy


def _switch_on(model: nn.Module) -> None:
    for name, arguments in _OWN.items():
        if callable(method := getattr(model, name, None)):
            method(**arguments)
            return
    raise ConfigError(
        f"{KEY}=true: {type(model).__name__} has no {' or '.join(_OWN)}; name modules by patterns: "
        f"{KEY}=[{','.join(name for name, _ in model.named_children())}]"
    )


def _chosen(model: nn.Module, patterns: Sequence[str]) -> list[nn.Module]:
    """Return the outermost modules that match a pattern."""
    modules = {name: module for name, module in model.named_modules() if name}
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in modules):
            shown = ", ".join(list(modules)[:5])
            raise ConfigError(f"{KEY}: no module of the model is named {pattern}; they are {shown}, ...")
    found = [name for name in modules if any(fnmatchcase(name, pattern) for pattern in patterns)]
    inner = {name for name in found if any(name.startswith(f"{outer}.") for outer in found)}
    return [modules[name] for name in found if name not in inner]


def _forward(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
    plain = MethodType(type(module).forward, module)
    if not (module.training and torch.is_grad_enabled()):
        return plain(*args, **kwargs)
    return checkpoint(plain, *args, use_reentrant=False, context_fn=_Contexts(module), **kwargs)


class _Contexts:
    """The contexts of the two forward passes: the second one changes no buffer, such as running means."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    def __call__(self) -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
        return nullcontext(), buffers_kept(self._module)
