"""Prepare the points of a sweep: one of each choice from nothing, the others from one that is like it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from omegaconf import DictConfig

from sweepboard.building.model_variants import ModelVariants, argument_in
from sweepboard.building.number_variants import NumberVariants, number_in
from sweepboard.building.prepare import Prepared, prepare
from sweepboard.compose.unused_settings import warn_of_unused
from sweepboard.execution import Resources
from sweepboard.hardware import threads_of_environment
from sweepboard.secrets import remember, require_secrets
from sweepboard.sweeps.notebook_classes import refuse_notebook_classes
from sweepboard.sweeps.plan import Point

Kind = tuple[str, ...]
"""What is equal for points that are like each other."""


@dataclass(frozen=True)
class _Family:
    """The points that differ in independent numbers and in plain arguments of the model."""

    given_threads: bool
    """Whether the user set the number of threads."""

    numbers: NumberVariants | None
    models: ModelVariants | None


class Preparation:
    """Prepare the points of a sweep, which will run with an executor's `resources`.

    Those that differ in a few numbers only are made from the first one, and those that differ in arguments of
    the model besides have only their model tried.
    """

    def __init__(self, points: Sequence[Sequence[str]], resources: Resources) -> None:
        self.resources = resources
        self._often = Counter(map(kind_of, points))
        self._families_often = Counter[Kind]()
        for kind, count in self._often.items():
            self._families_often[_family(kind)] += count
        self._families: dict[Kind, _Family] = {}
        self._variants: dict[Kind, NumberVariants | None] = {}

    def variant(self, point: Sequence[str]) -> Point | None:
        """Return a point that is a variant of an earlier one, or None. Raise `UserError`."""
        kind = kind_of(point)
        family = self._families.get(_family(kind))
        if family is None:
            return None
        variants = self._variants.get(kind)
        numbers = variants.numbers_of(point) if variants else None
        if variants is not None and numbers is not None:
            return Point(variants.prepare(numbers, point), family.given_threads)
        prepared = family.models.prepare(point) if family.models and variants is None else None
        if prepared is None:
            return None
        self._keep(kind, prepared, family)
        return Point(prepared, family.given_threads)

    def composed(self, point: Sequence[str], config: DictConfig) -> Point:
        """Return a composed point after all checks. Raise `UserError`."""
        kind = kind_of(point)
        variants = self._variants.get(kind)
        if variants is not None:
            prepared = variants.prepare_composed(config, point)
        else:
            prepared = prepare(config, dict(config.hydra.runtime.choices), point, resources=self.resources)
            require_secrets(prepared.config.values)
            remember(prepared.config.values)
            refuse_notebook_classes(prepared.config.values)
            warn_of_unused(prepared.config, point)
        family = self._families.get(_family(kind)) or self._first(point, prepared, config)
        if kind not in self._variants and self._often[kind] > 1:
            self._variants[kind] = NumberVariants.of(prepared, config, point)
        return Point(prepared, family.given_threads)

    def _first(self, point: Sequence[str], prepared: Prepared, config: DictConfig) -> _Family:
        """Return the family of a point that is the first of it."""
        kind = kind_of(point)
        made = _Family(self._gives_threads(config), None, None)
        if self._families_often[_family(kind)] > max(1, self._often[kind]):
            numbers = NumberVariants.of(prepared, config, point)
            models = ModelVariants.of(prepared, config, point, numbers)
            made = _Family(made.given_threads, numbers, models)
        self._families[_family(kind)] = made
        return made

    def _keep(self, kind: Kind, prepared: Prepared, family: _Family) -> None:
        if self._often[kind] > 1:
            self._variants[kind] = family.numbers.with_model(prepared) if family.numbers else None

    def _gives_threads(self, config: DictConfig) -> bool:
        """Return whether the user set the number of threads. That of a login node is not the job's."""
        return (config.threads or (threads_of_environment() if self.resources.here else None)) is not None


def kind_of(point: Sequence[str]) -> Kind:
    """Return what is equal for points that differ in independent numbers only."""
    return tuple(number[0] if (number := number_in(override)) else override for override in point)


def _family(kind: Kind) -> Kind:
    """Return what is equal for kinds that differ in plain arguments of the model."""
    return tuple(given[0] if (given := argument_in(override)) else override for override in kind)
