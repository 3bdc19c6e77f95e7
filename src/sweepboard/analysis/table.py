"""The rows of a table of runs: a config and its repeats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sweepboard.analysis.curves import Points, band
from sweepboard.analysis.metrics import Spread, mean, spread
from sweepboard.analysis.query_names import PARTS, metric_key
from sweepboard.analysis.run import Run
from sweepboard.metric_names import UNKNOWN

FIELDS = ("name", "seed", "status", "time", "tags", "note")
"""Fields by which every run can be sorted and filtered, besides hyperparameters and metrics."""


@dataclass(frozen=True)
class Row:
    """The runs of one config."""

    runs: Sequence[Run]
    left_out: frozenset[str] = frozenset()
    """The hyperparameters over which it is averaged."""

    @cached_property
    def hparams(self) -> dict[str, Any]:
        """The hyperparameters, equal in all its runs."""
        return {key: value for key, value in self.runs[0].hparams.items() if key not in self.left_out}

    @property
    def name(self) -> str:
        """The run's name; for several runs, the common part of their names: `lr=0.1,seed=*`."""
        return common_name([run.name for run in self.runs])

    @property
    def status(self) -> str:
        """The status if all runs have the same, or else a count of each: `2 finished, 1 failed`."""
        words = [run.status for run in self.runs]
        if len(set(words)) == 1:
            return words[0]
        return ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))

    @property
    def seeds(self) -> list[int]:
        """The known seeds, sorted."""
        return sorted(run.seed for run in self.runs if run.seed is not None)

    @property
    def seconds(self) -> Spread | None:
        """Training time in seconds."""
        return spread(run.seconds for run in self.runs)

    @cached_property
    def repeats(self) -> list[list[Run]]:
        """The runs by their seed and the keys over which it is averaged: those that agree are one repeat."""
        repeats: dict[Any, list[Run]] = {}
        for number, run in enumerate(self.runs):
            values = tuple(str(run.hparams.get(key)) for key in sorted(self.left_out))
            own = number if run.seed is None and not self.left_out else None
            repeats.setdefault((run.seed, values, own), []).append(run)
        return list(repeats.values())

    def metric(self, tag: str, part: str) -> Spread | None:
        """Return the `best`, `last` or best `step` of a metric over the repeats that have it."""
        if (tag, part) not in self._known:
            scores = ([run.scores[tag] for run in repeat if tag in run.scores] for repeat in self.repeats)
            means = (mean([getattr(each, part) for each in repeat]) for repeat in scores)
            self._known[tag, part] = spread(means)
        return self._known[tag, part]

    @cached_property
    def _known(self) -> dict[tuple[str, str], Spread | None]:
        """The metrics that were asked for before."""
        return {}

    def curves(self, tag: str) -> list[Points]:
        """Return the curve of a metric in each repeat that has it; the mean of runs of one repeat."""
        found = ([run.curves[tag] for run in repeat if tag in run.curves] for repeat in self.repeats)
        return [each[0] if len(each) == 1 else band(each).points for each in found if each]

    def drawn(self, tag: str) -> list[float]:
        """Return each run's value for a plot: the best, or the last if the metric's direction is unknown."""
        known = [(run.scores[tag], run.modes[tag]) for run in self.runs if tag in run.scores]
        values = [each.last if mode == UNKNOWN else each.best for each, mode in known]
        return [value for value in values if value is not None and math.isfinite(value)]

    def value(self, key: str) -> Any:
        """Return what the row is sorted by, by a key of `QueryNames`; None if no run has it."""
        return _middle([values_of(run).get(key) for run in self.runs])


def grouped(runs: Sequence[Run], left_out: frozenset[str] = frozenset()) -> list[list[Run]]:
    """Return the runs grouped by config without the keys `left_out`, each group sorted by seed."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.group_without(left_out), []).append(run)
    return [
        sorted(group, key=lambda run: (run.seed is None, run.seed, run.name)) for group in groups.values()
    ]


def common_name(names: Sequence[str]) -> str:
    """Return the common start and end of the names with `*` between."""
    first, last = min(names), max(names)
    if first == last:
        return first
    start = _common_start(first, last)
    ends = [name[len(start) :][::-1] for name in names]
    end = _common_start(min(ends), max(ends))[::-1]
    return f"{start}*{end}"


def _common_start(one: str, other: str) -> str:
    pairs = zip(one, other, strict=False)
    different = (index for index, (left, right) in enumerate(pairs) if left != right)
    return one[: next(different, min(len(one), len(other)))]


def values_of(run: Run) -> dict[str, Any]:
    """Return the values of a run, by the keys of `QueryNames`."""
    values = run.hparams | {"name": run.name, "seed": run.seed, "status": run.status, "time": run.seconds}
    if run.record is not None:
        values |= {"tags": run.record.tags, "note": run.record.note}
    for tag, score in run.scores.items():
        values |= {metric_key(tag, part): getattr(score, part) for part in PARTS}
        if run.modes[tag] == UNKNOWN:  # there is no best: the last value stands in
            values[metric_key(tag, "best")] = score.last
    return values


def _middle(values: Sequence[Any]) -> Any:
    """Return the mean if there are numbers, or else the first value."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if not numbers:
        return values[0]
    found = spread(numbers)
    return found.mean if found else math.nan
