"""Compose and check each point of a sweep like a single run, before any job starts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweepboard.building.number_variants import NumberVariants, sets_a_number
from sweepboard.building.prepare import Prepared, prepare
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


class BadPoint(ConfigError):
    """A point of a sweep that cannot run."""


def check_points(
    points: Sequence[Sequence[str]],
    compose: Compose,
    resources: Resources,
    only: str | None = None,
    complete: bool = True,
) -> list[Point]:
    """Check and return the points that fulfil the condition `only`; a point is a list of overrides.

    They will run with an executor's `resources`. `complete` says whether the points hold every value, and not
    only the ends of intervals. Raise `BadPoint` for the first mistake, with the overrides that identify the
    point.
    """
    condition = read_filter(only)
    preparation = _Preparation(resources)
    checked = []
    for point in points:
        config = _composed(point, points, compose)
        if condition is None or _of_point(condition, config):
            checked.append(_checked(point, points, config, preparation, compose if complete else None))
    if not checked:
        raise ConfigError(f"sweep.filter={only}: holds for no point, so the sweep has no jobs")
    return checked


class _Preparation:
    """Prepare the points of a sweep; those that differ in a few numbers only are made from the first one."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self._variants: dict[tuple[str, ...], NumberVariants | None] = {}

    def prepare(self, point: Sequence[str], config: DictConfig) -> Prepared:
        """Return a point's configuration after all checks. Raise `UserError`."""
        kind = tuple(key_of(override) if sets_a_number(override) else override for override in point)
        variants = self._variants.get(kind)
        if variants is not None:
            return variants.prepare(config, point)
        prepared = prepare(config, dict(config.hydra.runtime.choices), point, resources=self.resources)
        require_secrets(prepared.config.values)
        refuse_notebook_classes(prepared.config.values)
        if kind not in self._variants:
            self._variants[kind] = NumberVariants.of(prepared, config, point)
        return prepared


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


def _checked(
    point: Sequence[str],
    points: Sequence[Sequence[str]],
    config: DictConfig,
    preparation: _Preparation,
    compose: Compose | None,
) -> Point:
    try:
        prepared = preparation.prepare(point, config)
    except UserError as error:
        mistake = with_sub_grid_advice(error, points, compose) if compose else error
        raise _bad(point, points, mistake) from error
    of_environment = (
        threads_of_environment() if preparation.resources.here else None
    )  # a login node's is not the job's
    return Point(prepared, (config.threads or of_environment) is not None)


def _bad(point: Sequence[str], points: Sequence[Sequence[str]], error: UserError) -> UserError:
    common = set(point).intersection(*map(set, points))
    own = " ".join(override for override in point if override not in common)
    return BadPoint(f"in {own}: {error}") if own else error
