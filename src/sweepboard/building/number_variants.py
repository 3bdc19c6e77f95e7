"""Prepare configurations that differ from a prepared one in a few numbers only.

Most of what a point of a sweep costs (opening the data set, building the model, resolving interpolations)
does not depend on its seed or on the numbers of its optimizer. Such points are made from the first one by
changing these numbers, and only what looks at them is checked again.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeAlias

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn
from torch.nn.parameter import is_lazy

from sweepboard.building.optimizer_check import check_optimizers_fit, take_numbers
from sweepboard.building.optimizer_nodes import check_optimizers, is_argument
from sweepboard.building.prepare import Prepared
from sweepboard.building.schedules import check_schedulers
from sweepboard.building.trial_model import try_model
from sweepboard.compose.interpolations import leaves
from sweepboard.compose.read_settings import check_value
from sweepboard.compose.run_config import RunConfig
from sweepboard.settings import settings
from sweepboard.training.seeding import random_states_kept

SEED = "seed"

_INDEPENDENT = re.compile(r"seed|optimizer(?:\.[A-Za-z]\w*)+")
"""Keys whose numbers change neither the data, nor the model, nor the length of a run."""

_WHOLE = re.compile(r"-?(?:0|[1-9]\d*)")
NUMBER = re.compile(
    r"-?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE
)  # what Hydra reads as one

Number: TypeAlias = int | float

_FOLLOWING = ("optimizer.", "scheduler.")
"""What may follow such a number by an interpolation: it is checked again."""


@lru_cache(maxsize=2**16)  # the points of a sweep share most of their overrides
def number_in(override: str) -> tuple[str, Number] | None:
    """Return the key and the number of an override that sets one on which nothing else of a run depends."""
    key, _, text = override.partition("=")
    if not (_INDEPENDENT.fullmatch(key) and NUMBER.fullmatch(text)):
        return None
    return key, number_of(text)


def number_of(text: str) -> Number:
    """Return the number that Hydra reads in a text of the form `NUMBER`."""
    return int(text) if _WHOLE.fullmatch(text) else float(text)


def numbers_in(overrides: Iterable[str]) -> dict[str, Number]:
    """Return the numbers that overrides give to such keys."""
    return dict(filter(None, map(number_in, overrides)))


@dataclass(frozen=True)
class NumberVariants:
    """A prepared configuration, and the keys that follow each of the numbers that its variants change."""

    first: Prepared
    model: nn.Module
    followers: Mapping[str, Sequence[str]]
    types: Mapping[str, type]
    """The types of the numbers in `first`, where they were composed to what their overrides say."""

    fitting: set[str] = field(default_factory=set, compare=False)
    """The numbers of optimizers that were checked."""

    @classmethod
    def of(cls, first: Prepared, config: DictConfig, overrides: Sequence[str]) -> NumberVariants | None:
        """Return the maker of variants of `first`, which differ in those of `overrides` that set numbers.

        `config` is what `first` was prepared from. Return None if something else depends on one of them, or
        may do so.
        """
        numbers = numbers_in(overrides)
        if not numbers or first.config.program or has_computed_values(config, first.config.interpolations):
            return None
        followers = {key: _following(first.config.interpolations, key) for key in numbers}
        if any(each is None for each in followers.values()):
            return None
        found = {key: each for key, each in followers.items() if each is not None}
        model = _model(first)
        if model is None:
            return None
        composed = composed_numbers(config, numbers)
        types = {key: type(number) for key, number in numbers.items() if repr(composed[key]) == repr(number)}
        return cls(first, model, found, types)

    @classmethod
    def of_resolved(cls, first: Prepared) -> NumberVariants | None:
        """Return the same for a frozen configuration, in which no value follows another any more."""
        model = None if first.config.program else _model(first)
        return None if model is None else cls(first, model, {}, {})

    def with_model(self, other: Prepared) -> NumberVariants | None:
        """Return the same for a configuration with other arguments of the model."""
        model = _model(other)
        return None if model is None else NumberVariants(other, model, self.followers, self.types)

    def numbers_of(self, overrides: Sequence[str]) -> dict[str, Number] | None:
        """Return the numbers of a variant; None if only its composed configuration tells what they become.

        A setting of another type may take it as its own (1 as 1.0), or refuse it.
        """
        numbers = numbers_in(overrides)
        same = all(self.types.get(key) is type(number) for key, number in numbers.items())
        return numbers if same else None

    def prepare(self, numbers: Mapping[str, Any], overrides: Sequence[str]) -> Prepared:
        """Return the variant with these numbers.

        Raise `ConfigError` for a number that a setting, an optimizer or a schedule refuses.
        """
        changed = {
            each: number for key, number in numbers.items() for each in (key, *self.followers.get(key, ()))
        }
        run = self.first.config.with_leaves(
            [(key.split("."), each) for key, each in changed.items()], overrides
        )
        for key, number in changed.items():
            if key in settings():
                check_value(settings()[key], number)
        self._check_optimizers(run, {key: number for key, number in numbers.items() if key != SEED})
        return replace(self.first, config=run)

    def prepare_composed(self, config: DictConfig, overrides: Sequence[str]) -> Prepared:
        """Return the variant that `config` was composed to. Raise as `prepare` does."""
        return self.prepare(composed_numbers(config, self.followers), overrides)

    def _check_optimizers(self, run: RunConfig, numbers: Mapping[str, Any]) -> None:
        """Raise `ConfigError` if an optimizer or a schedule refuses the numbers: once for all seeds."""
        if repr(numbers) in self.fitting:
            return
        changed = (each for key in numbers for each in (key, *self.followers.get(key, ())))
        if not (self.fitting and all(map(is_argument, changed)) and take_numbers(run)):
            self._check_wholly(run)
        self.fitting.add(repr(numbers))

    def _check_wholly(self, run: RunConfig) -> None:
        """Raise `ConfigError` if the optimizers or schedules do not fit the model or each other."""
        check_optimizers(run.values["optimizer"])
        check_schedulers(run.values)
        with random_states_kept(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the real build repeats them
            check_optimizers_fit(run, self.model)


def _model(first: Prepared) -> nn.Module | None:
    """Return the model without the memory of its weights; None if they get a shape from the first batch."""
    model = try_model(first.config, None, lambda model: model)
    weights = list(model.parameters())
    if not weights or any(map(is_lazy, weights)):
        return None
    _free(model)
    return model


def _free(model: nn.Module) -> None:
    """Free the memory of the weights, of which only shapes and types are looked at."""
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = torch.empty((), dtype=tensor.dtype, device=tensor.device).expand(tensor.shape)


def composed_numbers(config: DictConfig, keys: Iterable[str]) -> dict[str, Any]:
    """Return the values of these keys in a composed configuration."""
    return {key: OmegaConf.select(config, key) for key in keys}


def has_computed_values(config: DictConfig, interpolations: Mapping[str, str]) -> bool:
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
