"""The space of a search: the values that each key may take, from Hydra's grammar of overrides."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep, Sweep

from sweepboard.compose.overrides import refuse_among_values, refuse_inside
from sweepboard.errors import ConfigError

Value: TypeAlias = int | float | str
Values: TypeAlias = Mapping[str, Value]
"""A value for each key of a space."""

LOG = "log"
"""The tag of a log-uniform interval: `tag(log, interval(1e-4, 1e-1))`."""

DIGITS = 6
"""Significant digits of a number drawn from an interval, so that its label is exact."""


@dataclass(frozen=True)
class Choices:
    """Unordered values as text: `cnn`, `0.1`, `[64,32]`."""

    key: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.key}={','.join(self.values)}"

    def override(self, value: Value) -> str:
        """Return the override that sets the key."""
        return f"{self.key}={value}"

    @property
    def ends(self) -> tuple[Value, ...]:
        """Return the values that must work for the search to start."""
        return self.values

    @property
    def grid(self) -> tuple[Value, ...] | None:
        """Return every value; None if there are infinitely many."""
        return self.values


@dataclass(frozen=True)
class Numbers:
    """Numbers from `low` to `high`, both included; integers if both are."""

    key: str
    low: int | float
    high: int | float
    step: int | float | None = None
    """The distance between two values; None for any real number, or any integer."""

    log: bool = False
    """Whether values are drawn log-uniformly."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high)) or self.low > self.high:
            raise ConfigError(f"{self.key}: {self.low}..{self.high} has no values; give the lower end first")
        if self.log and self.low <= 0:
            raise ConfigError(f"{self.key}: a log scale has no {self.low}; begin above 0")
        if self.log and self.step not in (None, 1):
            raise ConfigError(f"{self.key}: a log scale has no steps; use tag(log, interval(...))")

    def __str__(self) -> str:
        steps = f" in steps of {self.step}" if self.step else ""
        return f"{self.key}={self.low}..{self.high}{steps}{' (log)' if self.log else ''}"

    def override(self, value: Value) -> str:
        """Return the override that sets the key, with the number in `DIGITS` digits."""
        if self.whole:
            return f"{self.key}={round(float(value))}"
        if self.step is not None:  # 0.1 + 2 * 0.1 is 0.30000000000000004
            value = self.low + round((float(value) - self.low) / self.step) * self.step
        rounded = float(f"{float(value):.{DIGITS}g}")
        return f"{self.key}={min(max(rounded, float(self.low)), float(self.high))}"

    @property
    def whole(self) -> bool:
        """Whether its values are integers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def ends(self) -> tuple[Value, ...]:
        """Return the values that must work for the search to start."""
        return (self.low, self.high) if self.low < self.high else (self.low,)

    @property
    def grid(self) -> tuple[Value, ...] | None:
        """Return every value; None if there are infinitely many."""
        step = self.step or (1 if self.whole else None)
        if step is None:
            return None
        return tuple(self.low + index * step for index in range(round((self.high - self.low) / step) + 1))


Axis: TypeAlias = Choices | Numbers


@dataclass(frozen=True)
class Space:
    """The axes of a search, in the order of the command."""

    axes: tuple[Axis, ...]

    def overrides(self, values: Values) -> list[str]:
        """Return the overrides of a trial."""
        return [axis.override(values[axis.key]) for axis in self.axes]

    def points(self) -> list[dict[str, Value]] | None:
        """Return every point, the last key changing fastest; None if there are infinitely many."""
        grids = [axis.grid for axis in self.axes]
        if any(grid is None for grid in grids):
            return None
        keys = [axis.key for axis in self.axes]
        return [dict(zip(keys, row, strict=True)) for row in product(*(grid or () for grid in grids))]

    def corners(self, combined: Collection[str] = ()) -> Iterator[list[str]]:
        """Return the overrides of points that show whether the space works.

        They are the first values of all axes, every other end of each axis in turn, and the last values; all
        of them for each combination of the keys `combined`, which are the config groups.
        """
        narrowed = [
            [Choices(axis.key, (value,)) for value in axis.values]
            if isinstance(axis, Choices) and axis.key in combined
            else [axis]
            for axis in self.axes
        ]
        for axes in product(*narrowed):
            yield from Space(axes)._corners()

    def _corners(self) -> Iterator[list[str]]:
        first = {axis.key: axis.ends[0] for axis in self.axes}
        yield self.overrides(first)
        several = [axis for axis in self.axes if len(axis.ends) > 1]
        for axis in several:
            for value in axis.ends[1:]:
                yield self.overrides({**first, axis.key: value})
        if len(several) > 1:
            yield self.overrides({axis.key: axis.ends[-1] for axis in self.axes})

    @staticmethod
    def from_plain(axes: Sequence[Mapping[str, Any]]) -> Space:
        """Return the space from the plain mappings of a file."""
        return Space(tuple(_axis_from_plain(axis) for axis in axes))


def axis_of(override: Override) -> Axis:
    """Return the axis of one override with several values. Raise `ConfigError`."""
    refuse_inside(override)
    key, value = override.get_key_element(), override.value()
    tags = value.tags if isinstance(value, Sweep) else set()
    if tags - {LOG} or (tags and isinstance(value, ChoiceSweep)):
        raise ConfigError(f"{override.input_line}: the one tag is {LOG}, of an interval or a range")
    if isinstance(value, IntervalSweep):
        assert value.start is not None
        assert value.end is not None
        return Numbers(key, value.start, value.end, log=LOG in tags)
    if isinstance(value, RangeSweep):
        return _range(key, value, override)
    return Choices(key, tuple(dict.fromkeys(_texts(override))))


def _range(key: str, value: RangeSweep, override: Override) -> Axis:
    """Return the axis of a range, which excludes its `stop` and may be descending."""
    numbers = sorted(value.range())
    if not numbers:
        raise ConfigError(f"{override.input_line}: has no values to choose from")
    step = abs(value.step)
    return Numbers(
        key, numbers[0], numbers[-1], None if LOG in value.tags and step == 1 else step, LOG in value.tags
    )


def _texts(override: Override) -> list[str]:
    """Return the values as text, in an order that is always the same."""
    refuse_among_values(override)
    value = override.value()
    texts = list(override.sweep_string_iterator())
    if not texts:
        raise ConfigError(f"{override.input_line}: has no values to choose from")
    return sorted(texts) if getattr(value, "shuffle", False) else texts


def _axis_from_plain(axis: Mapping[str, Any]) -> Axis:
    if "values" in axis:
        return Choices(axis["key"], tuple(axis["values"]))
    return Numbers(**axis)
