"""The rows of a table of runs: a config and its repeats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sweepboard.analysis.load import Run
from sweepboard.analysis.metric_names import UNKNOWN
from sweepboard.analysis.metrics import Spread, spread
from sweepboard.analysis.run_names import PARTS, metric_key

FIELDS = ("name", "seed", "status", "time")
"""What every run can be sorted and filtered by, beside its hyperparameters and metrics."""


@dataclass(frozen=True)
class Row:
    """The runs of one config."""

    runs: Sequence[Run]

    @property
    def hparams(self) -> dict[str, Any]:
        """The same in all its runs."""
        return self.runs[0].hparams

    @property
    def name(self) -> str:
        """The run's name; of several what their names have in common: `lr=0.1,seed=*`."""
        return common_name([run.name for run in self.runs])

    @property
    def status(self) -> str:
        """One word where all runs agree, else how many are what: `2 finished, 1 failed`."""
        words = [run.status for run in self.runs]
        if len(set(words)) == 1:
            return words[0]
        return ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))

    @property
    def seeds(self) -> list[int]:
        """In order; runs that name no seed are left out."""
        return sorted(run.seed for run in self.runs if run.seed is not None)

    @property
    def seconds(self) -> Spread | None:
        """Training time."""
        return spread(run.seconds for run in self.runs)

    def metric(self, tag: str, part: str) -> Spread | None:
        """The `best`, `last` or best `step` of a metric over the runs that have it."""
        scores = [run.scores[tag] for run in self.runs if tag in run.scores]
        return spread(getattr(each, part) for each in scores)

    def drawn(self, tag: str) -> list[float]:
        """The value of each run that a picture shows: the best, or the last where no way is known better."""
        known = [(run.scores[tag], run.modes[tag]) for run in self.runs if tag in run.scores]
        values = [each.last if mode == UNKNOWN else each.best for each, mode in known]
        return [value for value in values if value is not None and math.isfinite(value)]

    @cached_property
    def values(self) -> dict[str, Any]:
        """What the row can be sorted by, by the keys of `RunNames`."""
        means = [values_of(run) for run in self.runs]
        keys = dict.fromkeys(key for each in means for key in each)
        return {key: _middle([each.get(key) for each in means]) for key in keys}


def grouped(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs by config, seeds in order."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.group, []).append(run)
    return [
        sorted(group, key=lambda run: (run.seed is None, run.seed, run.name)) for group in groups.values()
    ]


def common_name(names: Sequence[str]) -> str:
    """The one name, or the common start and end with `*` between."""
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
    """What is known of a run, by the keys of `RunNames`."""
    values = run.hparams | {"name": run.name, "seed": run.seed, "status": run.status, "time": run.seconds}
    for tag, score in run.scores.items():
        values |= {metric_key(tag, part): getattr(score, part) for part in PARTS}
        if run.modes[tag] == UNKNOWN:  # a bare metric is its best, and here all there is to ask for
            values[metric_key(tag, "best")] = score.last
    return values


def _middle(values: Sequence[Any]) -> Any:
    """The mean of numbers; of anything else the first."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if not numbers:
        return values[0]
    found = spread(numbers)
    return found.mean if found else math.nan
