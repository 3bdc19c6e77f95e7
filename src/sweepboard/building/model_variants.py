"""Prepare configurations that differ from a prepared one in plain arguments of the model: widths, a rate.

They have the same data, task, callbacks and length, and nothing follows these arguments. So they are neither
composed nor resolved: their model is built and tried, as that of any run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweepboard.building.dry_run import dry_run
from sweepboard.building.number_variants import (
    NUMBER,
    NumberVariants,
    has_computed_values,
    number_of,
    numbers_in,
)
from sweepboard.building.prepare import Prepared, check_group

_ARGUMENT = re.compile(r"model(?:\.[A-Za-z]\w*)+")
_LIST = re.compile(r"\[(.*)\]")
_SPACE = re.compile(r"\s*,\s*")


@lru_cache(maxsize=2**14)  # the points of a sweep share most of their overrides
def argument_in(override: str) -> tuple[str, Any] | None:
    """Return the key and the value of an override that gives the model a number or a list of numbers."""
    key, _, text = override.partition("=")
    if not _ARGUMENT.fullmatch(key):
        return None
    found = _LIST.fullmatch(text)
    words = _SPACE.split(found[1].strip()) if found else [text]
    if not all(map(NUMBER.fullmatch, words)):
        return None
    numbers = [number_of(word) for word in words]
    return key, numbers if found else numbers[0]


def arguments_in(overrides: Sequence[str]) -> dict[str, Any]:
    """Return the numbers, and lists of numbers, that overrides give the model."""
    return dict(filter(None, map(argument_in, overrides)))


@dataclass(frozen=True)
class ModelVariants:
    """A prepared configuration, of which others differ in arguments of the model and in numbers."""

    first: Prepared
    numbers: NumberVariants | None
    """What changes its numbers; None if it has none that may change."""

    types: Mapping[str, str]
    """The types of the arguments, which were composed to what their overrides say."""

    @classmethod
    def of(
        cls, first: Prepared, config: DictConfig, overrides: Sequence[str], numbers: NumberVariants | None
    ) -> ModelVariants | None:
        """Return the maker of variants of `first`, which was prepared from `config`; None if there is none.

        There is none where something else depends on such an argument, or may do so, or where Hydra has made
        something else of it.
        """
        given, followed = arguments_in(overrides), first.config.interpolations.values()
        if not given or first.config.program or has_computed_values(config, first.config.interpolations):
            return None
        if any(other.startswith("model") for other in followed) or (
            numbers is None and numbers_in(overrides)
        ):
            return None
        values = {key: _plain(OmegaConf.select(config, key)) for key in given}
        if any(repr(values[key]) != repr(value) for key, value in given.items()):
            return None
        return cls(first, numbers, {key: _type(value) for key, value in given.items()})

    def prepare(self, overrides: Sequence[str]) -> Prepared | None:
        """Return the variant of these overrides after all checks; None if it has to be composed.

        Raise `ConfigError` for a number or an argument that is refused.
        """
        given = arguments_in(overrides)
        if {key: _type(value) for key, value in given.items()} != self.types:
            return None
        around = self._with_numbers(overrides)
        if around is None:
            return None
        run = around.config.with_leaves([(key.split("."), value) for key, value in given.items()], overrides)
        check_group(run.values, "model")
        return replace(around, config=run, metrics=dry_run(run, around.source))

    def _with_numbers(self, overrides: Sequence[str]) -> Prepared | None:
        if self.numbers is None:
            return self.first
        numbers = self.numbers.numbers_of(overrides)
        return None if numbers is None else self.numbers.prepare(numbers, overrides)


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def _type(value: Any) -> str:
    """Return what a setting tells values apart by: the types of a number, or of those in a list."""
    kinds = sorted({type(each).__name__ for each in value}) if isinstance(value, list) else type(value)
    return str(kinds)
