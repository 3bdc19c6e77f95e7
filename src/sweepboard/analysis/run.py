"""A run as the analysis sees it: hyperparameters, status, curves and scores."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from sweepboard.analysis.curves import Points
from sweepboard.analysis.metrics import Score, score
from sweepboard.hyperparameters import asked_for, group_name
from sweepboard.metric_names import metric_tags, mode_of, name_of, tag_of, without_split
from sweepboard.names import block
from sweepboard.runs.record import RunRecord

_SEED = re.compile(
    r"(?:(?<=[^a-z0-9])|^)(?:random_?)?seed[-=_]?(\d+)(?![.\d])|(?<=__)(\d+)__\d{9,}(?=$|/)", re.IGNORECASE
)
"""`lr=0.1,seed=3`, and CleanRL's `environment__program__seed__time`."""


@dataclass(frozen=True)
class Run:
    """A run of sweepboard or of another tool."""

    path: Path
    name: str
    """The folder, relative to the path that was loaded."""

    hparams: dict[str, Any] = field(default_factory=dict)
    """Hyperparameters, flat and without the seed."""

    seed: int | None = None
    status: str = "unknown"
    """`finished`, `failed`, `interrupted`, `running`; `unknown` for tools that do not record it."""

    seconds: float | None = None
    """Training time in seconds; for other tools, from the first point to the last."""

    curves: dict[str, Points] = field(default_factory=dict)
    """Steps and values of every scalar, each step once."""

    logged: bool = True
    """Whether the curves are from event files; otherwise they hold the last values in run.json."""

    config: dict[str, Any] = field(default_factory=dict)
    """The resolved configuration; empty for runs of other tools."""

    record: RunRecord | None = None
    """run.json; None for runs of other tools, or if it is damaged."""

    damage: str | None = None
    """Why the files of the run cannot be read or believed; None if they can."""

    @property
    def group(self) -> str:
        """A key that is equal for runs that differ only in the seed.

        A run without hyperparameters is its own group, unless there is a seed in its name.
        """
        return self.group_without(frozenset())

    def group_without(self, keys: frozenset[str]) -> str:
        """Return a key that is equal for runs that differ only in the seed and in these hyperparameters."""
        shared = {key: value for key, value in self.hparams.items() if key not in keys}
        return group_name(shared) if self.hparams else without_seed(str(self.path))

    @property
    def primary_metric(self) -> str | None:
        """The metric by which the run is judged; None if it is not recorded."""
        return self.record.primary_metric if self.record else None

    @property
    def improved_before_end(self) -> bool:
        """Whether its best weights are not the last ones."""
        return self.record is not None and self.record.improved_before_end

    @cached_property
    def asked(self) -> set[str]:
        """Keys that were swept or given on the command line."""
        return asked_for(self.config, self.record.overrides, self.record.swept) if self.record else set()

    @cached_property
    def modes(self) -> dict[str, str]:
        """`min`, `max` or `unknown`: the direction in which each metric gets better."""
        declared = dict(_declared_modes(self.config, self.record))
        return {tag: mode_of(tag, declared) for tag in metric_tags(self.curves)}

    @cached_property
    def scores(self) -> dict[str, Score]:
        """Last and best value of every metric."""
        scores = {tag: score(*self.curves[tag], mode) for tag, mode in self.modes.items()}
        known = {tag: value for tag, value in scores.items() if value is not None}
        return {tag: self._with_recorded_best(tag, value) for tag, value in known.items()}

    def _with_recorded_best(self, tag: str, known: Score) -> Score:
        """Return `known` with the best value from run.json if the run has no event files."""
        best = self.record.best.get(name_of(tag)) if self.record and not self.logged else None
        return known if best is None else replace(known, best=best, step=None)


def _declared_modes(config: Mapping[str, Any], record: RunRecord | None) -> Iterator[tuple[str, str]]:
    """Yield the metrics' directions given by the task, then those given by the settings."""
    if record is None:
        return
    for name, mode in record.modes.items():
        of_validation = tag_of(name).startswith("val/")
        same = [f"{part}/{without_split(name)}" for part in ("train", "val", "test", "test_best")]
        yield from ((tag, mode) for tag in (same if of_validation else [tag_of(name)]))
    for name in ("early_stopping", "checkpoint"):
        settings = block(config, "trainer", name)
        metric = settings.get("metric") or without_split(record.primary_metric or "")
        if metric and settings.get("mode") in ("min", "max"):
            yield f"val/{metric}", settings["mode"]


def seed_in(name: str) -> int | None:
    """Return the seed in a run's name, or None."""
    found = _SEED.search(name)
    return int(found.group(1) or found.group(2)) if found else None


def without_seed(name: str) -> str:
    """Return the name with `*` for its seed, equal for all repeats."""
    return _SEED.sub("*", name)
