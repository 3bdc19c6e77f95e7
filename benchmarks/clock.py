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
from typing import Any, ClassVar

from torch import nn

from benchmarks.turns import Turns
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


class Stalls:
    """What a checkpoint after each `every` updates of a model costs."""

    def __init__(self, model: nn.Module, every: int) -> None:
        self.every, self.began = every, 0.0
        self.updates: list[tuple[float, float]] = []
        """When the forward pass of each began, and when it was done."""
        model.register_forward_pre_hook(self._begin)

    def _begin(self, *_: Any) -> None:
        self.began = time.perf_counter()

    def end(self) -> None:
        """Note the end of an update."""
        self.updates.append((self.began, time.perf_counter()))

    def facts(self) -> dict[str, float]:
        """Medians over the checkpoints but the last; the updates before the first are the measure.

        `stall_s` is how long nothing is trained, `later_s` how much later the next update comes, `whole_s`
        how much longer all updates up to the next checkpoint take, beside the thread that writes.
        """
        intervals = [after[1] - before[1] for before, after in pairwise(self.updates)]
        plain = statistics.median(intervals[1 : self.every - 1])
        saves = range(self.every, len(self.updates) - self.every + 1, self.every)
        spans = [intervals[save - 1 : save - 1 + self.every] for save in saves]
        return {
            "updates": len(self.updates),
            "stall_s": statistics.median(self.updates[save][0] - self.updates[save - 1][1] for save in saves),
            "later_s": statistics.median(span[0] - plain for span in spans),
            "whole_s": statistics.median(sum(span) - self.every * plain for span in spans),
        }


class StallClock(Callback):
    """Prints what the checkpoints of a run cost."""

    writes_only = True

    def __init__(self, every: int) -> None:
        self.every = every

    def on_start(self, progress: Any) -> None:
        self.stalls = Stalls(progress.learner.model, self.every)

    def on_update(self, _: Any) -> None:
        self.stalls.end()

    def finish(self, _: str) -> None:
        print(json.dumps(self.stalls.facts()), flush=True)


class FirstUpdate(Callback):
    """Notes when each run of this process made its first update."""

    writes_only = True
    moments: ClassVar[list[float]] = []

    def __init__(self) -> None:
        self.noted = False

    def on_update(self, _: Any) -> None:
        if not self.noted:
            self.noted = True
            self.moments.append(time.perf_counter())


class Updates:
    """When each update ended, in seconds, by a clock that stands while other arms have their turn."""

    def __init__(self) -> None:
        self.turns, self.waited = Turns(), 0.0
        self.times: list[float] = []

    def end(self) -> None:
        """Note the end of an update."""
        self.times.append(time.perf_counter() - self.waited)
        if len(self.times) % BLOCK == 0:
            self.waited += self.turns.wait()

    def print(self) -> None:
        """Print how many there were and what one takes, as JSON."""
        print(json.dumps({"updates": len(self.times), "update_us": microseconds_per_update(self.times)}))


class Clock(Callback):
    """Prints when updates were done, after the run; changes nothing."""

    writes_only = True

    def __init__(self) -> None:
        self.updates, self.batch = Updates(), 0

    def on_start(self, progress: Any) -> None:
        self.batch = getattr(getattr(progress.data.train, "order", None), "batch_size", 0)

    def on_update(self, _: Any) -> None:
        self.updates.end()

    def finish(self, _: str) -> None:
        times = self.updates.times
        if not times:
            return
        ago = time.perf_counter() - times[0]
        facts = {"updates": len(times), "first_update_at": time.time() - ago}
        if len(times) > BLOCK * (WARM_UP + 1):
            facts["update_us"] = microseconds_per_update(times)
        if self.batch and len(times) > 1:
            facts["sample_us"] = microseconds_per_sample(times, self.batch)
        print(json.dumps(facts), flush=True)
