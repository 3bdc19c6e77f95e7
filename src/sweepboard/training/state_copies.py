"""Copies of a state, so that training can continue while they are written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from sweepboard.errors import RunFailed
from sweepboard.training.checkpoint_file import PLAIN, read_again

_LARGE = 2**20
"""Bytes of a tensor whose copy is kept: below, new memory costs as little."""

_Form: TypeAlias = tuple[torch.Size, tuple[int, ...], torch.dtype]


class StateCopies:
    """Copies one state after another, large tensors into the memory of the copy before.

    New memory costs more time than copying: each of its pages is cleared first. A copy is valid until the
    next one is made.
    """

    def __init__(self) -> None:
        self._kept: dict[_Form, list[Tensor]] = {}

    def of(self, state: Any) -> Any:
        """Return a deep copy of `state` with every tensor on the CPU."""
        free, self._kept = self._kept, defaultdict(list)

        def copy(tensor: Tensor) -> Tensor:
            if not _is_plain(tensor) or tensor.nbytes < _LARGE:
                return _new_copy(tensor)
            form = (tensor.shape, tensor.stride(), tensor.dtype)
            rooms = free.get(form) or [torch.empty_like(tensor, device="cpu", pin_memory=tensor.is_cuda)]
            self._kept[form].append(rooms.pop())
            return self._kept[form][-1].copy_(tensor.detach())

        return copied(state, copy)


def _is_plain(tensor: Tensor) -> bool:
    strided = tensor.layout == torch.strided and not tensor.is_nested and not tensor.is_quantized
    return strided and type(tensor) in (Tensor, nn.Parameter)


def _new_copy(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", copy=True)


def copied(value: Any, copy: Callable[[Tensor], Tensor] = _new_copy) -> Any:
    """Return a deep copy of `value` with every tensor on the CPU, by `copy`.

    NumPy's numbers become Python's, which a checkpoint can hold.
    """
    if isinstance(value, Tensor):
        return copy(value)
    if isinstance(value, dict):
        return {key: copied(item, copy) for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item, copy) for item in value]
    if type(value) is tuple:
        return tuple(copied(item, copy) for item in value)
    return value.item() if isinstance(value, np.generic) else deepcopy(value)


def check_savable(value: Any, place: str) -> None:
    """Raise `RunFailed`, which names the `place`, for what could not be read again from a checkpoint."""
    if isinstance(value, dict | list) or type(value) is tuple:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            check_savable(item, f"{place}.{key}" if place else str(key))
    elif not isinstance(value, Tensor | np.generic) and type(value) not in PLAIN:
        _check_another_type(value, place)


def _check_another_type(value: Any, place: str) -> None:
    try:
        read_again(value)
    except Exception as error:  # of pickle, or of any class
        raise RunFailed(
            f"{place}: is a {type(value).__name__}, and a checkpoint holds tensors, numbers, texts and "
            "containers of them"
        ) from error
