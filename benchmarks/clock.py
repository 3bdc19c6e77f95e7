"""One stopwatch for updates: the same arithmetic for a bare loop and for sweepboard's own.

`callbacks.clock._target_=benchmarks.clock.Clock` puts it into a run of sweepboard through the door that
every user has, so that the loop which is measured is the loop which ships.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from sweepboard import Callback

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


def microseconds_per_sample(times: Sequence[float], batch: int) -> float:
    """Time of a sample from the first update to the last, ends of epochs among them."""
    return (times[-1] - times[0]) / (len(times) - 1) / batch * 1e6


class Clock(Callback):
    """Prints when updates were done, after the run; changes nothing."""

    writes_only = True

    def __init__(self) -> None:
        self.times: list[float] = []
        self.batch = 0

    def on_start(self, progress: Any) -> None:
        self.batch = getattr(getattr(progress.data.train, "order", None), "batch_size", 0)

    def on_update(self, _: Any) -> None:
        self.times.append(time.perf_counter())

    def finish(self, _: str) -> None:
        if not self.times:
            return
        ago = time.perf_counter() - self.times[0]
        facts = {"updates": len(self.times), "first_update_at": time.time() - ago}
        if len(self.times) > BLOCK * (WARM_UP + 1):
            facts["update_us"] = microseconds_per_update(self.times)
        if self.batch and len(self.times) > 1:
            facts["sample_us"] = microseconds_per_sample(self.times, self.batch)
        print(json.dumps(facts), flush=True)
