"""The plan of a large sweep, against Hydra's basic sweeper composing its points.

Hydra takes the same time for each point, so it is given fewer of them.
"""

from __future__ import annotations

from benchmarks.arms import Arm
from benchmarks.bars import Bar, quantity, ratio
from benchmarks.commands import module
from benchmarks.harness import Row


def planned(name: str, who: str, points: int, *words: str) -> Arm:
    """A plan of so many points."""
    return module(name, "programs.planning", who, str(points), *words)


THOUSAND = planned("1,000 points", "sweepboard", 1000)
TEN_THOUSAND = planned("10,000 points", "sweepboard", 10_000)
WIDTHS = planned("200 widths of a model", "sweepboard", 200, "--kind", "widths")
HYDRA = planned("Hydra, 100 points", "hydra", 100)
NUMBERS = (THOUSAND, TEN_THOUSAND)


def most(key: str, what: str, limit: float, unit: str) -> tuple[Bar, ...]:
    """A bar on what a point takes that differs in numbers."""
    return tuple(Bar(f"{what}, {arm.name}", quantity(key, arm), most=limit, unit=unit) for arm in NUMBERS)


PLANS_ROW = Row(
    "plans",
    "plan of 1,000 and of 10,000 points (learning rates, seeds), and of 200 models",
    "Hydra's basic sweeper composing them",
    arms=(*NUMBERS, WIDTHS, HYDRA),
    bars=(
        *(Bar(f"times faster, {arm.name}", ratio("point_ms", HYDRA, arm), least=5.0) for arm in NUMBERS),
        Bar(f"a point, {WIDTHS.name}", quantity("point_ms", WIDTHS), unit=" ms"),
        *most("point_ms", "a point", 4.0, " ms"),
        *most("memory_kb", "memory of a point", 20.0, " kB"),
        *most("disk_kb", "disk of a point", 20.0, " kB"),
        *(
            Bar(f"until the first job starts, {arm.name}", quantity("seconds", arm), most=2.0, unit=" s")
            for arm in NUMBERS
        ),
    ),
    tried=(
        "an absolute time: 1.74 s (3 rounds, commit fc869c6113) on the same kind of machine while it was "
        "about 1.5 times as fast. A tenth of it is garbage collection, 15 times."
    ),
    rounds=3,
)
