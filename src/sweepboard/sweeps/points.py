"""Compose and check each point of a sweep like a single run, before any job starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweepboard.building.number_variants import NumberVariants, sets_a_number
from sweepboard.building.prepare import prepare
from sweepboard.errors import ConfigError, UserError, nearest
from sweepboard.execution import Resources
from sweepboard.expressions import BadExpression, Expression
from sweepboard.hardware import threads_of_environment
from sweepboard.names import flatten, key_of
from sweepboard.secrets import require_secrets
from sweepboard.sweeps.notebook_classes import refuse_notebook_classes
from sweepboard.sweeps.plan import Point
from sweepboard.sweeps.sub_grids import with_sub_grid_advice

Compose = Callable[[Sequence[str]], DictConfig]
"""Return the configuration of a point's overrides, with the `hydra` block."""


Progress = Callable[[int, int], None]
"""Is told how many points are checked, and how many there are."""


class BadPoint(ConfigError):
    """A point of a sweep that cannot run."""


def check_points(
    points: Sequence[Sequence[str]],
    compose: Compose,
    resources: Resources,
    only: str | None = None,
    complete: bool = True,
    told: Progress | None = None,
) -> list[Point]:
    """Check and return the points that fulfil the condition `only`; a point is a list of overrides.

    They will run with an executor's `resources`. `complete` says whether the points hold every value, and not
    only the ends of intervals. `told` is called after each. Raise `BadPoint` for the first mistake, with the
    overrides that identify the point.
    """
    condition = read_filter(only)
    checking = _Checking(points, compose, complete, _Preparation(points, resources))
    checked = []
    for number, point in enumerate(points, 1):
        one = checking.variant(point) if condition is None else None
        config = None if one else _composed(point, points, compose)
        if config is not None and (condition is None or _of_point(condition, config)):
            one = checking.composed(point, config)
        checked += [one] if one else []
        if told is not None:
            told(number, len(points))
    if not checked:
        raise ConfigError(f"sweep.filter={only}: holds for no point, so the sweep has no jobs")
    return checked


class _Preparation:
    """Prepare the points of a sweep; those that differ in a few numbers only are made from the first one."""

    def __init__(self, points: Sequence[Sequence[str]], resources: Resources) -> None:
        self.resources = resources
        self._often = Counter(map(_kind, points))
        self._variants: dict[tuple[str, ...], NumberVariants | None] = {}
        self._given_threads: dict[tuple[str, ...], bool] = {}

    def variant(self, point: Sequence[str]) -> Point | None:
        """Return a point that is a variant of an earlier one, or None. Raise `UserError`."""
        kind = _kind(point)
        variants = self._variants.get(kind)
        numbers = variants.numbers_of(point) if variants else None
        if variants is None or numbers is None:
            return None
        return Point(variants.prepare(numbers, point), self._given_threads[kind])

    def composed(self, point: Sequence[str], config: DictConfig) -> Point:
        """Return a composed point after all checks. Raise `UserError`."""
        kind = _kind(point)
        if kind not in self._given_threads:
            self._given_threads[kind] = self._gives_threads(config)
        variants = self._variants.get(kind)
        if variants is not None:
            return Point(variants.prepare_composed(config, point), self._given_threads[kind])
        prepared = prepare(config, dict(config.hydra.runtime.choices), point, resources=self.resources)
        require_secrets(prepared.config.values)
        refuse_notebook_classes(prepared.config.values)
        if kind not in self._variants and self._often[kind] > 1:
            self._variants[kind] = NumberVariants.of(prepared, config, point)
        return Point(prepared, self._given_threads[kind])

    def _gives_threads(self, config: DictConfig) -> bool:
        """Return whether the user set the number of threads. That of a login node is not the job's."""
        return (config.threads or (threads_of_environment() if self.resources.here else None)) is not None


def _kind(point: Sequence[str]) -> tuple[str, ...]:
    """Return what is equal for points that differ in independent numbers only."""
    return tuple(key_of(override) if sets_a_number(override) else override for override in point)


@dataclass
class _Checking:
    """The check of all points: a mistake names its point and what a smaller grid would do."""

    points: Sequence[Sequence[str]]
    compose: Compose
    complete: bool
    preparation: _Preparation

    def variant(self, point: Sequence[str]) -> Point | None:
        """Return a point that need not be composed, or None. Raise `BadPoint`."""
        with self._naming(point):
            return self.preparation.variant(point)

    def composed(self, point: Sequence[str], config: DictConfig) -> Point:
        """Return a composed point. Raise `BadPoint`."""
        with self._naming(point):
            return self.preparation.composed(point, config)

    @contextmanager
    def _naming(self, point: Sequence[str]) -> Iterator[None]:
        try:
            yield
        except UserError as error:
            advised = with_sub_grid_advice(error, self.points, self.compose) if self.complete else error
            raise _bad(point, self.points, advised) from error


def _composed(point: Sequence[str], points: Sequence[Sequence[str]], compose: Compose) -> DictConfig:
    try:
        return compose(point)
    except UserError as error:
        raise _bad(point, points, error) from error


def read_filter(text: str | None) -> Expression | None:
    """Return the condition of `sweep.filter`. Raise `ConfigError` if it cannot be parsed."""
    try:
        return Expression(text) if text else None
    except BadExpression as error:
        raise ConfigError(f"sweep.filter={text}: {error}") from error


def _of_point(condition: Expression, config: DictConfig) -> bool:
    return holds(condition, config, config.hydra.runtime.choices)


def holds(condition: Expression, config: DictConfig, groups: Mapping[Any, Any]) -> bool:
    """Return whether the condition holds for a configuration and its options. Raise `ConfigError`."""
    settings = _Settings(config, groups)
    try:
        return condition.condition(settings, strict=True)(settings)
    except BadExpression as error:
        raise ConfigError(f"sweep.filter={condition.text}: {error}") from error


@dataclass(frozen=True)
class _Settings(Mapping[str, Any]):
    """The group options and the values of one configuration, by name."""

    config: DictConfig
    groups: Mapping[Any, Any]
    parts: Collection[str] = ()

    def knows(self, name: str) -> bool:
        return name in self.groups or _has(self.config, name)

    def key(self, name: str, part: str | None = None) -> str:
        if not self.knows(name):
            raise BadExpression(f"there is no {name}; {_hint(name, self.config)}")
        return name

    def __getitem__(self, name: str) -> Any:
        return self.groups[name] if name in self.groups else OmegaConf.select(self.config, name)

    def __iter__(self) -> Iterator[str]:
        return iter(map(str, self.config))

    def __len__(self) -> int:
        return len(self.config)


def _hint(name: str, config: DictConfig) -> str:
    plain = OmegaConf.to_container(config, resolve=False)
    assert isinstance(plain, dict)
    likely = nearest(name, [key for key, _ in flatten({str(key): value for key, value in plain.items()})])
    return f"did you mean {likely}?" if likely else "a text is written in quotes"


def _has(config: DictConfig, name: str) -> bool:
    path, _, last = name.rpartition(".")
    parent = OmegaConf.select(config, path) if path else config
    return isinstance(parent, DictConfig) and last in parent


def _bad(point: Sequence[str], points: Sequence[Sequence[str]], error: UserError) -> UserError:
    common = set(point).intersection(*map(set, points))
    own = " ".join(override for override in point if override not in common)
    return BadPoint(f"in {own}: {error}") if own else error
