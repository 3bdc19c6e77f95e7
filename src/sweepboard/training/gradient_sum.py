"""Add up the gradients of an update over the ranks, and keep the buffers of the model the same on all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from sweepboard.compat.torch import changes_in_place
from sweepboard.training.distributed import Group
from sweepboard.training.flat_gradients import FlatGradients


class GradientSum:
    """Sums gradients, losses and weights of all ranks, in one message for each type of number.

    The numbers are added in the same order in every update of every process. torch's own
    DistributedDataParallel lays out its messages anew after the first update of a process, so that a resumed
    run of three ranks would go on with other bits.

    Running statistics of batch norm become their mean, weighted as the gradients are. Other buffers that a
    forward pass changed become those of rank 0. So all ranks hold the same model between two updates.
    """

    def __init__(self, ranks: Group, model: nn.Module) -> None:
        self.ranks = ranks
        self.statistics, self._others = _buffers(model)
        self._seen = self._marks()
        self._flat: dict[tuple[int, ...], FlatGradients] = {}
        doubles = any(one.dtype == torch.float64 for one in model.parameters())
        self._kind = torch.float64 if doubles else torch.float32
        # To read a sum from a GPU would wait for it: there the ranks agree by a message of their own.
        self._tells_by_sum = ranks.device.type == "cpu"

    @torch.no_grad()
    def __call__(
        self, parameters: Iterable[nn.Parameter], loss: Tensor | float, weight: Tensor | float
    ) -> Tensor:
        """Set the gradients of the mean loss over all ranks; return that loss.

        `loss` is the sum of this rank's losses, `weight` that of their weights. A parameter has a gradient if
        it has one on any rank.
        """
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        own = [parameter.grad is not None for parameter in trained] + self._changed()
        bits = [] if self._tells_by_sum else self.ranks.largest(own)
        told = 2 + (0 if bits else len(own))
        sums = self.added_up(trained, self._head(loss, weight, [] if bits else own))
        agreed = bits or sums[2:told].tolist()
        self.divide([one for one, bit in zip(trained, agreed, strict=False) if bit], sums[1])
        self._take_means(sums[told:] / sums[1])
        self._take_first(agreed[len(trained) :])
        self._seen = self._marks()
        return sums[0] / sums[1]

    def added_up(self, trained: Sequence[nn.Parameter], head: Tensor) -> Tensor:
        """Add up the gradients over the ranks, and the numbers of `head` beside them; return the latter."""
        self._now = self._flat_of(trained, head)
        self._now.fill(head)
        for numbers in self._now.messages:
            self.ranks.sum(numbers)
        return self._now.head.clone()

    def divide(self, used: Sequence[nn.Parameter], weight: Tensor) -> None:
        """Set the gradients of `used` to what was added up, divided by `weight`."""
        self._now.give_back(used, weight)

    def _flat_of(self, trained: Sequence[nn.Parameter], head: Tensor) -> FlatGradients:
        """Return where these gradients are added up; each optimizer has parameters of its own."""
        key = tuple(map(id, trained))
        if key not in self._flat:
            if len(self._flat) == _MOST_LAYOUTS:  # of weights that are frozen now and then
                self._flat.clear()
            self._flat[key] = FlatGradients(trained, len(head), self._kind, self.ranks.device)
        return self._flat[key]

    def _head(self, loss: Tensor | float, weight: Tensor | float, told: Sequence[bool]) -> Tensor:
        """Return the numbers to add up beside the gradients: loss, weight, what is told, and statistics."""
        total = self._number(weight)
        means = [mean.to(self._kind).reshape(-1) * total for mean in tensors(self.statistics)]
        bits = torch.tensor(told, dtype=self._kind, device=self.ranks.device)
        return torch.cat([torch.stack([self._number(loss), total]), bits, *means])

    def _number(self, value: Tensor | float) -> Tensor:
        """Return a number on the device, without waiting for that, as a copy of a plain number would."""
        if isinstance(value, Tensor):
            return value.detach().to(self.ranks.device, self._kind)
        return torch.full((), value, dtype=self._kind, device=self.ranks.device)

    def _take_means(self, values: Tensor) -> None:
        means = list(tensors(self.statistics))
        parts = torch.split(values, [one.numel() for one in means])
        for mean, part in zip(means, parts, strict=True):
            mean.copy_(part.view_as(mean))

    def _take_first(self, changed: Sequence[float]) -> None:
        """Take the buffers that a rank has changed from rank 0, in one message for each type of number."""
        found = [
            owner.get_buffer(name) for (owner, name), bit in zip(self._others, changed, strict=True) if bit
        ]
        for kind in dict.fromkeys(buffer.dtype for buffer in found):
            buffers = [buffer.detach() for buffer in found if buffer.dtype == kind]
            numbers = torch.cat([buffer.reshape(-1) for buffer in buffers])
            self.ranks.take_first(numbers)
            parts = torch.split(numbers, [buffer.numel() for buffer in buffers])
            for buffer, part in zip(buffers, parts, strict=True):
                buffer.copy_(part.view_as(buffer))

    def _changed(self) -> list[bool]:
        return [mark != seen for mark, seen in zip(self._marks(), self._seen, strict=True)]

    def _marks(self) -> list[Any]:
        """Return what differs after a buffer was set anew or changed in place."""
        return [(id(one), changes_in_place(one)) for one in tensors(self._others)]


_MOST_LAYOUTS = 8


_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm,
          nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)  # fmt: skip

_Buffers: TypeAlias = "list[tuple[nn.Module, str]]"
"""Owners and names, since a forward pass may set a buffer anew."""


def tensors(buffers: _Buffers) -> Iterator[Tensor]:
    """Yield buffers by their owners and names."""
    return (owner.get_buffer(name) for owner, name in buffers)


def _buffers(model: nn.Module) -> tuple[_Buffers, _Buffers]:
    """Return the running statistics of batch norm, and all other buffers whose values count.

    Every rank counts the same batches.
    """
    found: tuple[_Buffers, _Buffers] = [], []
    for module in model.modules():
        is_norm = isinstance(module, _NORMS)
        for name, buffer in module.named_buffers(recurse=False):
            if is_norm and buffer.is_floating_point():
                found[0].append((module, name))
            elif not (is_norm and module.momentum is not None):  # else it is only counted
                found[1].append((module, name))
    return found
