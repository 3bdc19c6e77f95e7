"""Compose and check each point of a sweep like a single run, before any job starts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweepboard.errors import ConfigError, UserError, nearest
from sweepboard.execution import Resources
from sweepboard.expressions import BadExpression, Expression
from sweepboard.names import flatten
from sweepboard.sweeps.plan import Point
from sweepboard.sweeps.preparation import Preparation
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
    checking = _Checking(points, compose, complete, Preparation(points, resources))
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


@dataclass
class _Checking:
    """The check of all points: a mistake names its point and what a smaller grid would do."""

    points: Sequence[Sequence[str]]
    compose: Compose
    complete: bool
    preparation: Preparation

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
