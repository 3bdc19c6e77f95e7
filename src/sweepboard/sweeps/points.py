"""Compose and check each point of a sweep like a single run, before any job starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from omegaconf import DictConfig

from sweepboard.errors import ConfigError, UserError
from sweepboard.execution import Resources
from sweepboard.sweeps.plan import Point
from sweepboard.sweeps.point_filter import PointFilter
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
    if not points:  # of a sweeper of Hydra's; ours names the key
        raise ConfigError(
            "a key that is swept has no values, so the sweep has no jobs: look at its glob or range"
        )
    chosen = PointFilter(only, points)
    checking = _Checking(points, compose, complete, Preparation(points, resources))
    checked = []
    for number, point in enumerate(points, 1):
        checked += _checked(point, checking, chosen)
        if told is not None:
            told(number, len(points))
    if not checked:
        raise ConfigError(f"sweep.filter={only}: holds for no point, so the sweep has no jobs")
    return checked


def _checked(point: Sequence[str], checking: _Checking, chosen: PointFilter) -> list[Point]:
    """Return the checked point; [] if the filter leaves it out."""
    keeps = chosen.known(point)
    if keeps is False:
        return []
    one = checking.variant(point) if keeps else None
    if one is not None:
        return [one]
    config = _composed(point, checking.points, checking.compose)
    return [checking.composed(point, config)] if keeps or chosen.holds(point, config) else []


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


def _bad(point: Sequence[str], points: Sequence[Sequence[str]], error: UserError) -> UserError:
    common = set(point).intersection(*map(set, points))
    own = " ".join(override for override in point if override not in common)
    return BadPoint(f"in {own}: {error}") if own else error
