"""One stopwatch for updates: the same arithmetic for a bare loop and for sweepboard's own.

`scheduler._target_=benchmarks.clock.Clock` puts it into a run of sweepboard through the door that every
user has, so that the loop which is measured is the loop which ships.
"""

from __future__ import annotations

import atexit
import json
import statistics
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch

BLOCK = 50
"""Updates timed as one: sweepboard's default interval of logging, so that each block pays for one point."""

WARM_UP = 2
"""Blocks left out at the start."""


def microseconds_per_update(times: Sequence[float]) -> float:
    """Median over whole blocks of updates. `times` are the seconds at which each update ended."""
    marks = times[BLOCK * WARM_UP :: BLOCK]
    if len(marks) < 2:
        raise ValueError(f"{len(times)} updates are too few to time: {BLOCK * (WARM_UP + 1) + 1} are needed")
    return statistics.median(after - before for before, after in pairwise(marks)) / BLOCK * 1e6


class Clock:
    """A schedule that changes nothing, and prints when the process ends when updates were done.

    A schedule, because it is told of each update through the door that every user has: a subclass of an
    optimizer, or a hook on it, would lose the short step that torch's own optimizers get.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer
        self.times: list[float] = []
        atexit.register(self._tell)

    def step(self) -> None:
        self.times.append(time.perf_counter())

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass

    def _tell(self) -> None:
        if not self.times:  # an instance that was built to be looked at
            return
        ago = time.perf_counter() - self.times[0]
        facts = {"updates": len(self.times), "first_update_at": time.time() - ago}
        if len(self.times) > BLOCK * (WARM_UP + 1):
            facts["update_us"] = microseconds_per_update(self.times)
        print(json.dumps(facts))
