"""Check before a run that the optimizers and schedules of a configuration fit the model."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from sweepboard.building.instantiate import construct
from sweepboard.building.optimizer_nodes import (
    OF_A_GROUP,
    OptimizerNode,
    check_optimizers,
    given_groups,
    optimizer_nodes,
)
from sweepboard.building.optimizers import build_optimizers
from sweepboard.building.schedules import build_schedules
from sweepboard.compose.call_checks import RESERVED
from sweepboard.compose.locate import TARGET, nodes
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import ConfigError


def check_optimizers_fit(run: RunConfig, model: nn.Module) -> None:
    """Raise `ConfigError` if an optimizer or a schedule does not fit the model or the length of the run."""
    group, facts = run.values["optimizer"], run.values["facts"]
    for node in optimizer_nodes(group):
        _check_fused(node, model)
        _check_sparse(node, model)
        _check_values_of_groups(node)
    optimizers = build_optimizers(group, model, _stand_ins(model))
    schedules = build_schedules(run.values["scheduler"], optimizers)
    schedules.check_length(facts["steps"], facts["steps_per_epoch"])


def take_numbers(run: RunConfig) -> bool:
    """Return whether the optimizers take their numbers, if all else of `run` was checked with other numbers.

    Building them for one weight is the quick way. False may mean that it does not tell: for classes of other
    packages, which may compare their numbers with the model, and for parameter groups.
    """
    own = [node[TARGET] for name in ("optimizer", "scheduler") for _, node in nodes(run.values[name], name)]
    if not all(str(target).startswith(("torch.optim.", "sweepboard.")) for target in own):
        return False
    weight = nn.Parameter(torch.zeros(1, 1))
    try:
        check_optimizers(run.values["optimizer"])
        return all(_takes_numbers(node, weight) for node in optimizer_nodes(run.values["optimizer"]))
    except Exception:  # told by the whole check
        return False


def _takes_numbers(node: OptimizerNode, weight: nn.Parameter) -> bool:
    arguments = {name: value for name, value in node.arguments.items() if name not in RESERVED}
    return not node.groups and node.target([weight], **arguments) is not None


def _check_fused(node: OptimizerNode, model: nn.Module) -> None:
    """Raise `ConfigError` for `fused` and trained parameters that are not floating-point numbers.

    Most optimizers report this at the first update only.
    """
    chosen = {name: one for name, one in model.named_parameters() if node.choice.takes(name, one)}
    for name, parameter in chosen.items():
        if node.arguments.get("fused") and parameter.requires_grad and not parameter.is_floating_point():
            kind = str(parameter.dtype).removeprefix("torch.")
            raise ConfigError(
                f"{node.key}.fused: not for parameters of type {kind}, as {name} of the model is; type "
                f"{node.key}.fused=false"
            )


def _check_sparse(node: OptimizerNode, model: nn.Module) -> None:
    """Raise `ConfigError` for an optimizer of torch's that refuses sparse gradients at the first update."""
    sparse = next(_sparse_weights(node, model), None)
    name = getattr(node.target, "__name__", "")
    if sparse is None or not getattr(node.target, "__module__", "").startswith("torch.optim."):
        return
    if name not in _TAKE_SPARSE:
        raise ConfigError(
            f"{node.key}: {name} takes no sparse gradients, as {sparse} of the model has; use sparse=False "
            f"there, or {node.key}.{TARGET}=torch.optim.SparseAdam"
        )
    if node.arguments.get("fused"):
        raise ConfigError(
            f"{node.key}.fused: not for sparse gradients, as {sparse} of the model has; type "
            f"{node.key}.fused=false"
        )


_TAKE_SPARSE = ("SGD", "SparseAdam", "Adagrad", "LBFGS")
"""Optimizers of torch that take sparse gradients."""


def _sparse_weights(node: OptimizerNode, model: nn.Module) -> Iterator[str]:
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.sparse:
            for key, parameter in module.named_parameters(name, recurse=False):
                if parameter.requires_grad and node.choice.takes(key, parameter):
                    yield key


def _check_values_of_groups(node: OptimizerNode) -> None:
    """Raise `ConfigError` for a group's value that the class would refuse for all parameters.

    Optimizers look at their own arguments only.
    """
    if TARGET in node.groups:
        return
    for key, values in given_groups(node):
        own = {name: value for name, value in values.items() if name not in OF_A_GROUP}
        if own:
            construct({**node.arguments, **own}, key, [nn.Parameter(torch.zeros(1, 1))])


def _stand_ins(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return parameters on the CPU that have the model's shapes and types but need no memory."""
    return {
        name: nn.Parameter(
            torch.empty((), dtype=one.dtype).expand(one.shape), requires_grad=one.requires_grad
        )
        for name, one in model.named_parameters()
    }
