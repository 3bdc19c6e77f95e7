"""Build the learning-rate schedules of a configuration: one scheduler for an optimizer, or several parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingWarmRestarts,
    CyclicLR,
    LambdaLR,
    LRScheduler,
    OneCycleLR,
    SequentialLR,
)

from sweepboard.building.instantiate import construct
from sweepboard.building.optimizer_nodes import optimizer_nodes
from sweepboard.compose.call_checks import check_node, takes
from sweepboard.compose.locate import TARGET, locate
from sweepboard.compose.read_settings import check_value
from sweepboard.compose.run_config import settings_of
from sweepboard.errors import ConfigError, did_you_mean, nearest
from sweepboard.settings import SchedulerSettings, settings
from sweepboard.training.schedules import Schedule, Schedules

SCHEDULER = "scheduler"
_OPTIMIZER = "optimizer"
"""The argument of schedulers that is the optimizer."""

_OUTRIGHT = (CosineAnnealingWarmRestarts, CyclicLR, LambdaLR, OneCycleLR, SequentialLR)
"""Schedulers that compute the learning rate from the step alone."""

_SHARED = [item.name for item in fields(SchedulerSettings)]


@dataclass(frozen=True)
class SchedulerNode:
    """A scheduler in the configuration."""

    key: str
    """Its key: `scheduler`, or `scheduler.plateau` of one of several."""

    arguments: Mapping[str, Any]
    """Its `_target_` and the arguments of that class."""

    when: SchedulerSettings
    """When it steps."""


def scheduler_nodes(
    group: Mapping[str, Any], optimizers: Iterable[str]
) -> dict[str, dict[str, SchedulerNode]]:
    """Return the schedulers in the plain group `scheduler`: for each optimizer its parts by name.

    Without a `_target_` the keys are names: of the parts of the schedule of every optimizer, or, where there
    are several, of the optimizers. Raise `ConfigError`.
    """
    names = list(optimizers)
    shared = {name: group[name] for name in _SHARED if name in group}
    rest = {name: value for name, value in group.items() if name not in shared}
    if TARGET in rest or len(names) == 1 or not any(name in names or nearest(name, names) for name in rest):
        return {name: _parts(SCHEDULER, rest, shared) for name in names}
    for name, value in rest.items():
        if not isinstance(value, Mapping):
            raise _no_scheduler(f"{SCHEDULER}.{name}")
        if name not in names:
            raise ConfigError(f"{SCHEDULER}.{name}: there is no such optimizer{did_you_mean(name, names)}")
    return {name: _parts(f"{SCHEDULER}.{name}", rest[name], shared) if name in rest else {} for name in names}


def _parts(key: str, node: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, SchedulerNode]:
    if TARGET in node:
        return {"": _node(key, node, shared)}
    shared = {**shared, **{name: node[name] for name in _SHARED if name in node}}
    parts = {}
    for name, part in node.items():
        if name in _SHARED:
            continue
        if not isinstance(part, Mapping) or TARGET not in part:
            raise _no_scheduler(f"{key}.{name}")
        parts[str(name)] = _node(f"{key}.{name}", part, shared)
    return parts


def _no_scheduler(key: str) -> ConfigError:
    return ConfigError(f"{key}: there is no scheduler to take it; choose one, such as {SCHEDULER}=cosine")


def _node(key: str, node: Mapping[str, Any], shared: Mapping[str, Any]) -> SchedulerNode:
    when = {**shared, **{name: node[name] for name in _SHARED if name in node}}
    for name, value in when.items():
        check_value(replace(settings()[f"{SCHEDULER}.{name}"], key=f"{key}.{name}"), value)
    arguments = {name: value for name, value in node.items() if name not in _SHARED}
    return SchedulerNode(key, arguments, settings_of(SchedulerSettings, when))


def all_nodes(group: Mapping[str, Any], optimizers: Iterable[str]) -> Iterator[SchedulerNode]:
    """Yield each scheduler in the plain group `scheduler` once."""
    found = scheduler_nodes(group, optimizers).values()
    yield from {node.key: node for parts in found for node in parts.values()}.values()


def metrics_of_schedules(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the validation metric that each scheduler follows which steps at validations, by its key."""
    names = [node.name for node in optimizer_nodes(config["optimizer"])]
    nodes = all_nodes(config["scheduler"], names)
    return {node.key: node.when.metric for node in nodes if node.when.interval == "validation"}


def check_schedulers(config: Mapping[str, Any]) -> None:
    """Check the group `scheduler` of a plain configuration against signatures. Raise `ConfigError`."""
    names = [node.name for node in optimizer_nodes(config["optimizer"])]
    for node in all_nodes(config["scheduler"], names):
        target = locate(node.arguments[TARGET], f"{node.key}.{TARGET}")
        first = 0 if takes(target, _OPTIMIZER) else 1
        check_node(node.arguments, node.key, first, _SHARED, passed=_OPTIMIZER)


def build_schedules(group: Mapping[str, Any], optimizers: Mapping[str, Optimizer]) -> Schedules:
    """Return the schedules in the plain group `scheduler` for `optimizers`. Raise `ConfigError`."""
    schedules = {}
    for name, parts in scheduler_nodes(group, optimizers).items():
        for part, node in parts.items():
            schedule = Schedule(_built(node, optimizers[name]), node.when, node.key)
            if len(parts) > 1:
                _refuse_outright(schedule)
            schedules[f"{name}.{part}" if part else name] = schedule
    return Schedules(schedules)


def _built(node: SchedulerNode, optimizer: Optimizer) -> LRScheduler:
    """Return the scheduler, in which every part that takes the optimizer has it."""
    rates = _rates(node, optimizer, "lr")
    arguments = _with_optimizer(node.arguments, node.key, optimizer)
    leading = () if _OPTIMIZER in arguments else (optimizer,)
    scheduler = construct(arguments, node.key, *leading)
    if not isinstance(scheduler, LRScheduler):
        kind = type(scheduler).__name__
        raise ConfigError(f"{node.key}: {node.arguments[TARGET]} gave a {kind}, not a torch LRScheduler")
    if len(rates) > 1 and len(_rates(node, optimizer, "initial_lr")) == 1:
        raise ConfigError(
            f"{node.key}: {node.arguments[TARGET]} gives all parameter groups one learning rate; give it a "
            f"list with one for each of the {len(optimizer.param_groups)} groups, or choose another"
        )
    return scheduler


def _rates(node: SchedulerNode, optimizer: Optimizer, name: str) -> set[float]:
    groups = optimizer.param_groups
    if not all("lr" in group for group in groups):
        kind = type(optimizer).__name__
        raise ConfigError(f"{node.key}: {kind} has no learning rate to schedule; use {SCHEDULER}=none")
    return {float(group.get(name, group["lr"])) for group in groups}


def _with_optimizer(value: Any, key: str, optimizer: Optimizer) -> Any:
    """Return the node with `optimizer` as an argument of every class in it that takes one."""
    if isinstance(value, list):
        return [_with_optimizer(item, f"{key}[{index}]", optimizer) for index, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    inner = {name: _with_optimizer(item, f"{key}.{name}", optimizer) for name, item in value.items()}
    if TARGET in value and takes(locate(value[TARGET], f"{key}.{TARGET}"), _OPTIMIZER):
        inner[_OPTIMIZER] = optimizer
    return inner


def _refuse_outright(schedule: Schedule) -> None:
    """Raise `ConfigError` for a part of a schedule that undoes what the other parts do."""
    if isinstance(schedule.scheduler, _OUTRIGHT):
        name = type(schedule.scheduler).__name__
        raise ConfigError(
            f"{schedule.key}: {name} undoes what other schedulers do to the learning rate; use one "
            "that multiplies it, such as LinearLR, CosineAnnealingLR or MultiplicativeLR"
        )
