"""The optimizers in a configuration, one or several by name, and the checks that need no model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from sweepboard.compose.call_checks import check_call, check_node
from sweepboard.compose.hydra_errors import group_options
from sweepboard.compose.locate import TARGET, locate
from sweepboard.compose.read_settings import read_settings
from sweepboard.errors import ConfigError
from sweepboard.formatting import yaml_text
from sweepboard.settings import NamedOptimizerSettings, OptimizerSettings, ParameterGroupSettings
from sweepboard.training.parameter_groups import Choice, NoDecay

OPTIMIZER = "optimizer"
"""The group, and the name of an optimizer that is the only one."""

_SHARED = {item.name for item in fields(OptimizerSettings)}
_OF_ONE_OF_SEVERAL = {item.name for item in fields(NamedOptimizerSettings)}
OF_A_GROUP = {item.name for item in fields(ParameterGroupSettings)}
"""The runner's keys of a parameter group."""


@dataclass(frozen=True)
class OptimizerNode:
    """An optimizer in the configuration."""

    name: str
    key: str
    """Its key: `optimizer`, or `optimizer.generator` of one of several."""

    arguments: Mapping[str, Any]
    """Its `_target_` and the arguments of that class."""

    own: NamedOptimizerSettings
    """The runner's keys."""

    @property
    def target(self) -> Callable[..., Any]:
        """The class or function that makes it."""
        return locate(self.arguments[TARGET], f"{self.key}.{TARGET}")

    @property
    def groups(self) -> Mapping[str, Any]:
        """Its parameter groups by name, or the node of a function that makes them."""
        return self.own.groups or {}

    @property
    def choice(self) -> Choice:
        """The parameters that it is for."""
        return Choice(self.key, patterns(self.own.params, self.name), self.own.ndim)

    @property
    def no_decay(self) -> NoDecay:
        """The parameters without weight decay."""
        return NoDecay(f"{self.key}.no_decay", patterns(self.own.no_decay))


def optimizer_nodes(group: Mapping[str, Any]) -> list[OptimizerNode]:
    """Return the optimizers in the plain group `optimizer`: one, or several by name. Raise `ConfigError`."""
    if TARGET in group:
        return [_node(OPTIMIZER, OPTIMIZER, group, _SHARED, params="*")]
    named = {str(name): node for name, node in group.items() if name not in _SHARED}
    if not any(isinstance(node, Mapping) for node in named.values()):
        options = ", ".join(group_options(OPTIMIZER))
        raise ConfigError(
            f"{OPTIMIZER}.{TARGET}: no class is named; type one, or {OPTIMIZER}= and one of {options}"
        )
    if group.get("groups"):
        raise ConfigError(
            f"{OPTIMIZER}.groups: there are several optimizers; type {OPTIMIZER}.{next(iter(named))}.groups"
        )
    for name, node in named.items():
        if not isinstance(node, Mapping) or TARGET not in node:
            raise ConfigError(f"{OPTIMIZER}.{name}: one of several optimizers needs a {TARGET}")
    no_decay = {"no_decay": group.get("no_decay")}
    return [
        _node(name, f"{OPTIMIZER}.{name}", {**no_decay, **node}, _OF_ONE_OF_SEVERAL)
        for name, node in named.items()
    ]


def _node(name: str, key: str, node: Mapping[str, Any], known: set[str], **implied: Any) -> OptimizerNode:
    own = {name: value for name, value in node.items() if name in known}
    arguments = {name: value for name, value in node.items() if name not in own}
    return OptimizerNode(name, key, arguments, read_settings(NamedOptimizerSettings, own | implied, key))


def patterns(words: list[str] | str | None, default: str | None = None) -> tuple[str, ...]:
    """Return a setting of one pattern or several as a tuple; `default` stands for null."""
    if words is None:
        return () if default is None else (default,)
    return (words,) if isinstance(words, str) else tuple(words)


def check_optimizers(group: Mapping[str, Any]) -> None:
    """Check the plain group `optimizer` against signatures, without a model. Raise `ConfigError`."""
    nodes = optimizer_nodes(group)
    for node in nodes:
        shared = _SHARED if len(nodes) == 1 and node.key == OPTIMIZER else _OF_ONE_OF_SEVERAL
        check_node(node.arguments, node.key, 1, sorted(shared))
        _check_rate(f"{node.key}.lr", node.arguments.get("lr"))
        if TARGET in node.groups:
            check_node(node.groups, f"{node.key}.groups", 1)
            continue
        for key, values in given_groups(node):
            _check_group(node, key, values)


def given_groups(node: OptimizerNode) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each parameter group in the configuration with its key. Raise `ConfigError` for another value."""
    for name, values in node.groups.items():
        key = f"{node.key}.groups.{name}"
        if not isinstance(values, Mapping):
            raise ConfigError(f"{key}: needs a mapping, as {{params: '{name}.*', lr: 0.0001}}")
        yield key, values


def _check_group(node: OptimizerNode, key: str, values: Mapping[str, Any]) -> None:
    own = read_settings(ParameterGroupSettings, _keys_of(values, OF_A_GROUP), key)
    arguments = {name: value for name, value in values.items() if name not in OF_A_GROUP}
    call = {**arguments, TARGET: node.arguments[TARGET], "_partial_": True}
    check_call(node.target, call, key, 1, sorted(OF_A_GROUP))
    _check_rate(f"{key}.lr", values.get("lr"))
    if own.lr_scale is not None and "lr" in values:
        raise ConfigError(f"{key}.lr_scale: there is {key}.lr, too; give one of them")


def is_argument(key: str) -> bool:
    """Return whether `key` is an argument of an optimizer, not of a schedule and no key of the runner."""
    group, _, rest = key.partition(".")
    return group == OPTIMIZER and rest.rpartition(".")[2] not in _SHARED | _OF_ONE_OF_SEVERAL


def _keys_of(values: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in names}


def _check_rate(key: str, rate: Any) -> None:
    if isinstance(rate, int | float) and not 0 < rate < math.inf:
        raise ConfigError(f"{key}: must be a finite number above 0, got {yaml_text(rate)}")
