"""Build the optimizers of a configuration for the parameters of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

from torch import nn
from torch.nn import Parameter
from torch.optim import Optimizer

from sweepboard.building.instantiate import Refused, construct
from sweepboard.building.optimizer_nodes import (
    OF_A_GROUP,
    OPTIMIZER,
    OptimizerNode,
    given_groups,
    optimizer_nodes,
    patterns,
)
from sweepboard.compose.call_checks import RESERVED, signature
from sweepboard.compose.locate import TARGET
from sweepboard.compose.type_checks import parameter_types
from sweepboard.errors import ConfigError, did_you_mean
from sweepboard.training.parameter_groups import Choice, Named, divided


def build_optimizers(
    group: Mapping[str, Any], model: nn.Module, stand_ins: Named | None = None
) -> dict[str, Optimizer]:
    """Return the optimizers in the plain group `optimizer`, by name, for the parameters of `model`.

    `stand_ins` take the places of the parameters of those names. Raise `ConfigError` for a group or an
    optimizer without a parameter, for a parameter in two of them, and for one that no optimizer would train.
    """
    named = stand_ins or dict(model.named_parameters())
    nodes = {node.name: node for node in optimizer_nodes(group)}
    owned, left = divided(named, {name: node.choice for name, node in nodes.items()})
    untrained = [name for name, parameter in left.items() if parameter.requires_grad]
    if untrained:
        shown = ", ".join(untrained[:3]) + ", ..." * (len(untrained) > 3)
        raise ConfigError(
            f"{OPTIMIZER}: no optimizer trains {shown}; let one have `params: rest`, or freeze them"
        )
    return {name: _built(node, owned[name], model, named) for name, node in nodes.items()}


def _built(
    node: OptimizerNode, parameters: dict[str, Parameter], model: nn.Module, named: Named
) -> Optimizer:
    groups = _parameter_groups(node, parameters, model, named)
    optimizer: Any = _constructed(node, _first_argument(node, groups, parameters, model), parameters)
    if not isinstance(optimizer, Optimizer):
        kind = type(optimizer).__name__
        raise ConfigError(f"{node.key}: {node.arguments[TARGET]} gave a {kind}, not a torch.optim.Optimizer")
    if groups is not None:
        _check_kept(node, optimizer.defaults)
    return optimizer


def _constructed(node: OptimizerNode, first: Any, parameters: Named) -> Any:
    try:
        return construct(node.arguments, node.key, first)
    except Refused as error:
        others = [name for name, parameter in parameters.items() if parameter.ndim != 2]
        if not others or "2D" not in str(error):
            raise
        raise ConfigError(
            f"{node.key}: {node.arguments[TARGET]} is for matrices, and {others[0]} is none: "
            "type optimizer=muon, where AdamW trains the others, or give it `ndim: 2` beside another one"
        ) from error


def _parameter_groups(
    node: OptimizerNode, parameters: dict[str, Parameter], model: nn.Module, named: Named
) -> list[dict[str, Any]] | None:
    """Return torch's parameter groups, those without a group of the configuration first; None for one group.

    The groups have the configuration's names.
    """
    if TARGET in node.groups:
        return _groups_by_function(node, parameters, model, named)
    node.no_decay.check(parameters)
    given = {key.rpartition(".")[2]: (key, values) for key, values in given_groups(node)}
    if not given and not node.no_decay.words:
        return None
    choices = {
        name: Choice(key, patterns(values.get("params"), name), values.get("ndim"))
        for name, (key, values) in given.items()
    }
    members, left = divided(parameters, choices)
    groups = list(node.no_decay.split({}, left))
    for name, (key, values) in given.items():
        groups += node.no_decay.split({"name": name, **_values(node, key, values)}, members[name])
    return groups


def _groups_by_function(
    node: OptimizerNode, parameters: dict[str, Parameter], model: nn.Module, named: Named
) -> list[dict[str, Any]]:
    """Return the groups that the function at `groups` makes of the model."""
    key, places = f"{node.key}.groups", {id(one): name for name, one in model.named_parameters()}
    made = construct(node.groups, key, model)
    if not isinstance(made, list) or not all(isinstance(one, dict) and "params" in one for one in made):
        raise ConfigError(f"{key}: {node.groups[TARGET]} must return a list of mappings with params")
    if node.no_decay.words:
        raise ConfigError(f"{node.key}.no_decay: {key} makes the groups; leave it out")
    chosen = [[places.get(id(one), "") for one in group["params"]] for group in made]
    taken = set(chain.from_iterable(chosen))
    missing = {name for name, one in parameters.items() if one.requires_grad} - taken
    if missing or taken - set(parameters) or len(taken) < sum(map(len, chosen)):
        raise ConfigError(
            f"{key}: {node.groups[TARGET]} must return the parameters of this optimizer, each once"
            + (f"; {min(missing)} is missing" if missing else "")
        )
    return [
        {**_values(node, f"{key}[{index}]", group), "params": [named[name] for name in names]}
        for index, (group, names) in enumerate(zip(made, chosen, strict=True))
    ]


def _values(node: OptimizerNode, key: str, group: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a parameter group, with `lr_scale` turned into a learning rate."""
    values = {name: value for name, value in group.items() if name not in OF_A_GROUP}
    scale = group.get("lr_scale")
    if scale is None:
        return values
    rate = node.arguments.get("lr", _default_rate(node.target))
    if not isinstance(rate, int | float):
        raise ConfigError(f"{key}.lr_scale: needs {node.key}.lr, a number")
    return {**values, "lr": rate * scale}


def _default_rate(target: Callable[..., Any]) -> Any:
    return next((each.default for each in signature(target) or () if each.name == "lr"), None)


def _first_argument(
    node: OptimizerNode,
    groups: list[dict[str, Any]] | None,
    parameters: dict[str, Parameter],
    model: nn.Module,
) -> Any:
    """Return what the class takes first by its signature: parameters, groups, named parameters, the model."""
    name = next((each.name for each in signature(node.target) or ()), "params")
    whole = groups is None and len(parameters) == len(list(model.parameters()))
    annotation = parameter_types(node.target).get(name)
    takes_model = isinstance(annotation, type) and issubclass(annotation, nn.Module)
    if takes_model or name in ("model", "module", "net", "network"):
        if not whole:
            raise ConfigError(
                f"{node.key}: {node.arguments[TARGET]} takes the whole model and divides it itself; "
                "leave out groups, no_decay and other optimizers"
            )
        return model
    if name.startswith("model") and whole:  # timm's `model_or_params`
        return model
    if "named" in name:
        if groups is not None:
            raise ConfigError(
                f"{node.key}: {node.arguments[TARGET]} makes groups itself from names of parameters; "
                "leave out groups and no_decay"
            )
        return list(parameters.items())
    return list(parameters.values()) if groups is None else groups


def _check_kept(node: OptimizerNode, defaults: Mapping[str, Any]) -> None:
    """Raise `ConfigError` for a value that the optimizer does not keep for each group."""
    if node.no_decay.words and "weight_decay" not in defaults:
        raise ConfigError(f"{node.no_decay.key}: {node.arguments[TARGET]} has no weight decay; leave it out")
    for key, values in () if TARGET in node.groups else given_groups(node):
        for name in values:
            if name not in (*OF_A_GROUP, *RESERVED, *defaults):
                raise ConfigError(
                    f"{key}.{name}: {node.arguments[TARGET]} takes one for all its parameters"
                    f"{did_you_mean(name, defaults)}"
                )
