"""Prepare configurations that differ from a prepared one in a few numbers only.

Most of what a point of a sweep costs (opening the data set, building the model, resolving interpolations)
does not depend on its seed or on the numbers of its optimizer. Such points are made from the first one by
changing these numbers, and only what looks at them is checked again.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from omegaconf import DictConfig, OmegaConf
from torch import nn
from torch.nn.parameter import is_lazy

from sweepboard.building.optimizer_check import check_optimizers_fit
from sweepboard.building.optimizer_nodes import check_optimizers
from sweepboard.building.prepare import Prepared
from sweepboard.building.schedules import check_schedulers
from sweepboard.building.trial_model import try_model
from sweepboard.compose.interpolations import leaves
from sweepboard.compose.validate import check_settings
from sweepboard.names import key_of
from sweepboard.training.seeding import random_states_kept

_INDEPENDENT = re.compile(r"seed|optimizer(?:\.[A-Za-z]\w*)+")
"""Keys whose numbers change neither the data, nor the model, nor the length of a run."""

_NUMBER = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)

_FOLLOWING = ("optimizer.", "scheduler.")
"""What may follow such a number by an interpolation: it is checked again."""


def sets_a_number(override: str) -> bool:
    """Return whether an override gives a number to a key on which nothing else of a run depends."""
    key, _, text = override.partition("=")
    return bool(_INDEPENDENT.fullmatch(key) and _NUMBER.fullmatch(text))


@dataclass(frozen=True)
class NumberVariants:
    """A prepared configuration, and the keys that follow each of the numbers that its variants change."""

    first: Prepared
    model: nn.Module
    followers: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, first: Prepared, config: DictConfig, overrides: Iterable[str]) -> NumberVariants | None:
        """Return the maker of variants of `first`, which differ in those of `overrides` that set numbers.

        `config` is what `first` was prepared from. Return None if something else depends on one of them, or
        may do so.
        """
        keys = [key_of(override) for override in overrides if sets_a_number(override)]
        if not keys or first.config.program or _has_computed_values(config, first.config.interpolations):
            return None
        followers = {key: _following(first.config.interpolations, key) for key in keys}
        if any(each is None for each in followers.values()):
            return None
        found = {key: each for key, each in followers.items() if each is not None}
        model = try_model(first.config, None, lambda model: model)
        weights = list(model.parameters())
        if not weights or any(map(is_lazy, weights)):  # they get a shape from the first batch
            return None
        return cls(first, model, found)

    def prepare(self, config: DictConfig, overrides: Sequence[str]) -> Prepared:
        """Return the variant that `config` was composed to.

        Raise `ConfigError` for a number that a setting, an optimizer or a schedule refuses.
        """
        values = self.first.config.values
        for key, followers in self.followers.items():
            for each in (key, *followers):
                values = _with_value(values, each.split("."), OmegaConf.select(config, key))
        run = replace(self.first.config, values=values, overrides=list(overrides))
        check_settings(values)
        check_optimizers(values["optimizer"])
        check_schedulers(values)
        with random_states_kept(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the real build repeats them
            check_optimizers_fit(run, self.model)
        return replace(self.first, config=run)


def _has_computed_values(config: DictConfig, interpolations: Mapping[str, str]) -> bool:
    """Return whether a value is anything but itself or a copy of another: it may depend on any number."""
    node = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    plain = leaves(OmegaConf.to_container(node, resolve=False), "")
    return any(isinstance(value, str) and "${" in value and key not in interpolations for key, value in plain)


def _following(interpolations: Mapping[str, str], number: str) -> list[str] | None:
    """Return the keys that follow `number`, also through others; None if a variant cannot change one."""
    found: list[str] = []
    for followed in _each_of(found, number):
        if any(followed.startswith(f"{other}.") for other in interpolations.values()):
            return None  # a copy of the whole group
        found += [key for key, other in interpolations.items() if other == followed and key not in found]
    return found if all(key.startswith(_FOLLOWING) and "[" not in key for key in found) else None


def _each_of(found: list[str], number: str) -> Iterable[str]:
    """Yield `number` and then each key in `found`, which may grow meanwhile."""
    yield number
    yield from found


def _with_value(values: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """Return a copy of nested mappings with one value replaced; all others are shared."""
    name, *rest = path
    return {**values, name: _with_value(values[name], rest, value) if rest else value}
