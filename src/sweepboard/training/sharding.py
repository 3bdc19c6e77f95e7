"""A model of which each rank holds a part of every weight: FSDP2, `fully_shard` of torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Adam, AdamW, Optimizer

from sweepboard.training.distributed import Group
from sweepboard.training.gradient_sum import GradientSum

T = TypeVar("T")


def shard(model: nn.Module, ranks: Group, optimizers: Iterable[Optimizer]) -> None:
    """Leave each rank its part of every weight, and let the optimizers, which have no state yet, train that.

    The blocks of a model (what its `nn.ModuleList`s hold) are gathered one after the other when they compute;
    all else is gathered at once.
    """
    before = dict(model.named_parameters())
    for parameter in before.values():
        parameter.data = parameter.data.contiguous()
    mesh = DeviceMesh.from_group(ranks.tensors, ranks.device.type)
    for module in [*_blocks(model), model]:
        fully_shard(module, mesh=mesh)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)  # losses are weighted, so that sums are wanted
            module.set_force_sum_reduction_for_comms(True)
    after = {id(old): new for (_, old), new in zip(before.items(), model.parameters(), strict=True)}
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["params"] = [after[id(parameter)] for parameter in group["params"]]
            if group.get("fused") and not isinstance(optimizer, Adam | AdamW):
                group["fused"] = False  # torch 2.14 has no other fused kernel for parts of weights


def _blocks(model: nn.Module) -> list[nn.Module]:
    lists = (module for module in model.modules() if isinstance(module, nn.ModuleList))
    return [block for each in lists for block in each if next(block.parameters(), None) is not None]


def whole(tree: T) -> T:
    """Return containers with whole tensors, on the CPU. Every rank must call it."""
    return _mapped(tree)  # type: ignore[no-any-return]


def _mapped(tree: Any) -> Any:
    if isinstance(tree, DTensor):
        return tree.full_tensor().detach().cpu()
    if isinstance(tree, Mapping):
        return {name: _mapped(value) for name, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(map(_mapped, tree))
    return tree


def part_of_model(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state dict of a whole model as the one of this rank's parts."""
    own = model.state_dict()
    return {name: _part(own[name], value) if name in own else value for name, value in state.items()}


def part_of_optimizer(optimizer: Optimizer, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state dict of an optimizer of whole weights as the one of this rank's parts."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    parts = {
        number: {name: _part(weights[number], value) for name, value in each.items()}
        for number, each in state["state"].items()
    }
    saved = zip(state["param_groups"], optimizer.param_groups, strict=True)
    # Fused or not is decided by `shard`, whatever the process did that saved the state.
    groups = [{**group, "fused": own["fused"]} if "fused" in own else group for group, own in saved]
    return {**state, "state": parts, "param_groups": groups}


def _part(like: Any, value: Any) -> Any:
    if not isinstance(like, DTensor) or not isinstance(value, Tensor) or value.shape != like.shape:
        return value
    given = value.to(like.device, copy=True)
    return distribute_tensor(given, like.device_mesh, like.placements, src_data_rank=None)


class ShardedGradients(GradientSum):
    """Divides gradients, of which each rank has its part: the backward pass has added them up."""

    def added_up(self, trained: Sequence[nn.Parameter], head: Tensor) -> Tensor:
        """Implement `GradientSum.added_up`."""
        del trained
        self.ranks.sum(head)
        return head

    def divide(self, used: Sequence[nn.Parameter], weight: Tensor) -> None:
        """Implement `GradientSum.divide`."""
        with torch.no_grad():
            for parameter in used:
                if isinstance(parameter.grad, DTensor):
                    parameter.grad.to_local().div_(weight.to(parameter.grad.dtype))
