"""An arm: one way to do the work of a row, as commands that run in a new folder."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process import Sample, run


@dataclass(frozen=True)
class Arm:
    """Commands that do the work one way; `{round}` in them stands for the number of the round, from 0."""

    name: str
    commands: tuple[tuple[str, ...], ...]
    """Run one after another in one new folder; times add up."""

    read: Callable[[Path], Sample] = lambda folder: {}  # noqa: ARG005
    """Facts that the commands left in their folder."""

    watch: bool = False
    """Also look at the memory of the processes below it, which costs a little time."""


def take_turn(arm: Arm, turn: int) -> Sample:
    """Run an arm's commands for round `turn` (from 0)."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = Path(scratch)
        commands = [words(command, turn) for command in arm.commands]
        sample = _together([run(command, folder, arm.watch) for command in commands]) | arm.read(folder)
    print(f"  round {turn + 1}: {arm.name}: {sample['wall']:.2f} s", file=sys.stderr, flush=True)
    return sample


def words(command: Sequence[str], turn: int) -> list[str]:
    """The words of a command in round `turn`."""
    return [word.replace("{round}", str(turn)) for word in command]


def _together(samples: Sequence[Sample]) -> Sample:
    """Commands of one arm as one sample: times add up, memory is the largest, facts are averaged."""
    join: dict[str, Callable[[list[float]], float]] = {"wall": sum, "cpu": sum, "memory": max, "added": max}
    joined = {key: join.get(key, statistics.mean)([one[key] for one in samples]) for key in samples[0]}
    return joined | {"runs": float(len(samples))}
