"""Find the optimizers that differentiate the gradients again (AdaHessian, SophiaH).

They step only after `loss.backward(create_graph=True)`, which no signature tells.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import Parameter
from torch.optim import Optimizer

from sweepboard.building.instantiate import construct
from sweepboard.building.optimizer_nodes import OptimizerNode, optimizer_nodes
from sweepboard.compose.locate import TARGET
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import ConfigError
from sweepboard.training.seeding import random_states_kept


def second_order(group: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the optimizers in the plain group `optimizer` whose gradients keep their graph."""
    return frozenset(node.name for node in optimizer_nodes(group) if _needs_graph(node))


def check_second_order(run: RunConfig) -> None:
    """Raise `ConfigError` if gradients keep their graph in a run that cannot have that."""
    trainer = run.settings.trainer
    instead = {
        "compile=false": trainer.compile,
        "precision=bf16": trainer.precision == "fp16",
        "devices=1": run.ranks > 1,  # each would differentiate the loss of its own samples
    }
    for word in (word for word, is_needed in instead.items() if is_needed):
        for node in filter(_needs_graph, optimizer_nodes(run.values["optimizer"])):
            raise ConfigError(
                f"trainer.{word.partition('=')[0]}: {node.arguments[TARGET]} differentiates the gradients "
                f"again, which does not go with it; type trainer.{word}"
            )


def _needs_graph(node: OptimizerNode) -> bool:
    if node.own.create_graph is not None:
        return node.own.create_graph
    if node.target.__module__.startswith("torch.optim"):
        return False
    with random_states_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return not _steps(node, create_graph=False) and _steps(node, create_graph=True)


def _steps(node: OptimizerNode, create_graph: bool) -> bool:
    """Return whether the optimizer steps a small weight."""
    weight = Parameter(torch.ones(2, 2))
    try:
        optimizer = construct(node.arguments, node.key, [weight])
        if not isinstance(optimizer, Optimizer):
            return False
        weight.pow(2).sum().backward(create_graph=create_graph)  # type: ignore[no-untyped-call]
        optimizer.step()
    except Exception:  # what fails with and without a graph has another reason, which the run tells
        return False
    return True
