"""Add up the gradients of an update over the ranks, and keep the buffers of the model the same on all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from sweepboard.compat.torch import changes_in_place
from sweepboard.training.distributed import Group


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

    def __call__(
        self, parameters: Iterable[nn.Parameter], loss: Tensor | float, weight: Tensor | float
    ) -> Tensor:
        """Set the gradients of the mean loss over all ranks; return that loss.

        `loss` is the sum of this rank's losses, `weight` that of their weights. A parameter has a gradient if
        it has one on any rank.
        """
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        marks = self._marks()
        bits = [parameter.grad is not None for parameter in trained]
        bits += [mark != seen for mark, seen in zip(marks, self._seen, strict=True)]
        agreed = self.ranks.largest(bits)
        used = [each for each, bit in zip(trained, agreed, strict=False) if bit]
        mean = self.summed(used, loss, weight)
        self._take_first(agreed[len(trained) :])
        self._seen = self._marks()
        return mean

    def summed(self, used: Sequence[nn.Parameter], loss: Tensor | float, weight: Tensor | float) -> Tensor:
        """Add up the gradients of the parameters that have some; return the mean loss."""
        means = list(tensors(self.statistics))
        kinds = {parameter.dtype: None for parameter in used}  # in order, unlike a set
        kind = torch.float64 if torch.float64 in kinds else torch.float32
        head = self.head_of(means, loss, weight, kind)
        flats = {
            each: _Flat(used, each, head if each == kind else head[:0]) for each in {kind: None, **kinds}
        }
        for flat in flats.values():
            self.ranks.sum(flat.numbers)
        head = flats[kind].head.clone()
        for flat in flats.values():
            flat.give_back(head[1])
        return self.told(means, head)

    def told(self, means: Sequence[Tensor], head: Tensor) -> Tensor:
        """Set the statistics from a head that was summed; return the mean loss."""
        parts = torch.split(head[2:] / head[1], [one.numel() for one in means])
        for mean, part in zip(means, parts, strict=True):
            mean.copy_(part.view_as(mean))
        return head[0] / head[1]

    def head_of(
        self, means: Sequence[Tensor], loss: Tensor | float, weight: Tensor | float, kind: torch.dtype
    ) -> Tensor:
        """Return the numbers to add up beside the gradients: loss, weight, and weighted statistics."""
        told = [torch.as_tensor(one, dtype=kind, device=self.ranks.device) for one in (loss, weight)]
        return torch.cat([torch.stack(told), *(mean.to(kind).reshape(-1) * told[1] for mean in means)])

    def _take_first(self, changed: Sequence[int]) -> None:
        for (owner, name), bit in zip(self._others, changed, strict=True):
            if bit:
                self.ranks.take_first(owner.get_buffer(name))

    def _marks(self) -> list[Any]:
        """Return what differs after a buffer was set anew or changed in place."""
        return [(id(one), changes_in_place(one)) for one in tensors(self._others)]


class _Flat:
    """The gradients of the parameters of one type in one tensor, behind a `head`.

    Each has there the layout of its parameter, which optimizers need to be fast.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], kind: torch.dtype, head: Tensor) -> None:
        self._parameters = [each for each in parameters if each.dtype == kind]
        total = len(head) + sum(each.numel() for each in self._parameters)
        self.numbers = torch.empty(total, dtype=kind, device=head.device)
        self.head = self.numbers[: len(head)].copy_(head)
        self._views, start = list[Tensor](), len(head)
        for parameter in self._parameters:
            view = self.numbers.as_strided(parameter.shape, _strides(parameter), start)
            self._views.append(view.zero_() if parameter.grad is None else view.copy_(parameter.grad))
            start += parameter.numel()

    def give_back(self, weight: Tensor) -> None:
        """Divide by `weight`, and let the parameters have their parts as gradients."""
        self.numbers.div_(weight.to(self.numbers.dtype))
        for parameter, view in zip(self._parameters, self._views, strict=True):
            parameter.grad = view


def _strides(parameter: Tensor) -> tuple[int, ...]:
    return torch.empty_like(parameter, device="meta").stride()  # dense, in the parameter's own order


_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm,
          nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)  # fmt: skip

_Buffers: TypeAlias = "list[tuple[nn.Module, str]]"
"""Owners and names, since a forward pass may set a buffer anew."""


def tensors(buffers: _Buffers) -> Iterator[Tensor]:
    """Yield buffers by their owners and names."""
    return (owner.get_buffer(name) for owner, name in buffers)


def _buffers(model: nn.Module) -> tuple[_Buffers, _Buffers]:
    """Return the running statistics of batch norm, and all other buffers."""
    found: tuple[_Buffers, _Buffers] = [], []
    for module in model.modules():
        for name, buffer in module.named_buffers(recurse=False):
            is_statistic = isinstance(module, _NORMS) and buffer.is_floating_point()
            found[0 if is_statistic else 1].append((module, name))
    return found
