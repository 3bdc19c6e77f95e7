"""What is asked of the numbers that arms give: bars to reach, and gates without which a number means nothing.

A bar takes one number from a round. What is reported is that number at the medians over all rounds, with its
range over single rounds.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.arms import Arm
from benchmarks.process import Sample

Round: TypeAlias = Mapping[str, Sample]
"""What each arm gave in one round, by the arm's name."""

Middle: TypeAlias = Callable[[Sequence[float]], float]


@dataclass(frozen=True)
class Bar:
    """A number that must not be below `least` or above `most`."""

    what: str
    value: Callable[[Round], float]
    least: float = float("-inf")
    most: float = float("inf")
    unit: str = "x"
    middle: Middle = statistics.median


@dataclass(frozen=True)
class Gate:
    """What must hold in every round, else the row's numbers mean nothing."""

    what: str
    holds: Callable[[Round], bool]


@dataclass(frozen=True)
class Reading:
    """A bar, measured."""

    what: str
    value: float
    low: float
    high: float
    least: float
    most: float
    unit: str

    @property
    def reached(self) -> bool:
        """Whether the value stands within the bar."""
        return self.least <= self.value <= self.most


def read(bar: Bar, rounds: Sequence[Round]) -> Reading:
    """Hold all rounds against a bar."""
    single = [bar.value(given) for given in rounds]
    value = bar.value(typical(rounds, bar.middle))
    return Reading(bar.what, value, min(single), max(single), bar.least, bar.most, bar.unit)


def typical(rounds: Sequence[Round], middle: Middle = statistics.median) -> Round:
    """One round whose every number is the middle of that number over all rounds."""
    return {
        arm: {key: middle([given[arm][key] for given in rounds]) for key in sample}
        for arm, sample in rounds[0].items()
    }


def ratio(key: str, above: Arm, below: Arm) -> Callable[[Round], float]:
    """`key` of one arm over that of another."""
    return lambda given: given[above.name][key] / given[below.name][key]


def difference(key: str, of: Arm, to: Arm) -> Callable[[Round], float]:
    """`key` of one arm less that of another."""
    return lambda given: given[of.name][key] - given[to.name][key]


def quantity(key: str, arm: Arm) -> Callable[[Round], float]:
    """`key` of one arm."""
    return lambda given: given[arm.name][key]


def same(key: str, *arms: Arm) -> Gate:
    """All arms give the same `key`."""
    return Gate(f"same {key}", lambda given: len({given[arm.name][key] for arm in arms}) == 1)


def between(key: str, low: float, high: float, *arms: Arm) -> Gate:
    """`key` of each arm is within `low` and `high`."""
    what = f"{key} within {low:g} and {high:g}"
    return Gate(what, lambda given: all(low <= given[arm.name][key] <= high for arm in arms))


def faster(ours: Arm, theirs: Arm, least: float) -> Bar:
    """Their wall time over ours."""
    return Bar(f"{ours.name}, times faster", ratio("wall", theirs, ours), least=least)


def runs(count: int, *arms: Arm) -> Gate:
    """Every arm finished so many runs."""
    return between("runs", count, count, *arms)
