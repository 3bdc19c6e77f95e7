"""Gradients of several parameters in one tensor for each type of number, as a message has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn


class FlatGradients:
    """The gradients of `parameters`, behind `head` numbers of type `kind`.

    Each gradient has the layout of its parameter, which optimizers need to be fast. The memory is new in each
    update, as that of gradients is: whoever keeps one keeps its numbers.
    """

    def __init__(
        self, parameters: Sequence[nn.Parameter], head: int, kind: torch.dtype, device: torch.device
    ) -> None:
        self._head, self._device = head, device
        self._sizes = {kind: head}
        self._places = list[tuple[nn.Parameter, tuple[int, ...], int]]()
        for parameter in parameters:
            start = self._sizes.setdefault(parameter.dtype, 0)
            self._places.append((parameter, _strides(parameter), start))
            self._sizes[parameter.dtype] = start + parameter.numel()
        self._views = dict[nn.Parameter, Tensor]()
        self.messages = list[Tensor]()
        """What is to be added up over the ranks, the head first."""

    @property
    def head(self) -> Tensor:
        """The numbers before the gradients."""
        return self.messages[0][: self._head]

    def fill(self, head: Tensor) -> None:
        """Take the head and the gradients; those that are not set are zero."""
        flat = {
            kind: torch.empty(size, dtype=kind, device=self._device) for kind, size in self._sizes.items()
        }
        self.messages = list(flat.values())
        self.head.copy_(head)
        for parameter, strides, start in self._places:
            view = flat[parameter.dtype].as_strided(parameter.shape, strides, start)
            self._views[parameter] = view.zero_() if parameter.grad is None else view.copy_(parameter.grad)

    def give_back(self, used: Iterable[nn.Parameter], weight: Tensor) -> None:
        """Divide by `weight`, and give the parameters in `used` their parts as gradients."""
        for numbers in self.messages:
            numbers.div_(weight.to(numbers.dtype))
        for parameter in used:
            parameter.grad = self._views[parameter]
        self.messages, self._views = [], {}


def _strides(parameter: Tensor) -> tuple[int, ...]:
    return torch.empty_like(parameter, device="meta").stride()  # dense, in the parameter's own order
