"""Check that runs are comparable, and list the conditions in which they differ."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweepboard.analysis.conditions import conditions_of, environment_of, packages_of
from sweepboard.analysis.differing_hparams import as_text
from sweepboard.analysis.run import Run
from sweepboard.analysis.table import grouped
from sweepboard.formatting import some
from sweepboard.names import block
from sweepboard.settings import ROOT

UNLIKE = 5.0
"""Ratio of step intervals above which two runs seem to count steps differently."""


KINDS = (
    "damage", "tags", "step-unit", "data", "evaluation", "length",
    "seeds", "code", "resumed", "versions", "arithmetic", "hardware",
)  # fmt: skip


@dataclass(frozen=True)
class UnequalCondition:
    """A condition that is not the same in all runs."""

    kind: str
    """One of `KINDS`."""

    what: str
    """One line with the values and the runs that have them."""


def check(runs: Sequence[Run]) -> list[UnequalCondition]:
    """Return everything that makes the runs hard to compare, except hyperparameters.

    A condition that only some runs record is compared among those.
    """
    questions = (_damage, _unknown_settings, _tags, _step_distances, _data, _last_steps, _seeds, _recorded)
    found = [difference for question in questions for difference in question(runs)]
    return sorted(found, key=lambda each: KINDS.index(each.kind))


def _damage(runs: Sequence[Run]) -> Iterator[UnequalCondition]:
    """Yield the damaged runs: their conditions are unknown."""
    yield from (UnequalCondition("damage", f"{run.name}: {run.damage}") for run in runs if run.damage)


def _unknown_settings(runs: Sequence[Run]) -> Iterator[UnequalCondition]:
    """Yield the runs with hyperparameters that are NaN: what they were run with is unknown."""
    for run in runs:
        keys = [key for key, value in run.hparams.items() if value != value]
        if keys:
            yield UnequalCondition("damage", f"{run.name}: {some(keys)} is nan, so its setting is unknown")


def _tags(runs: Sequence[Run]) -> Iterator[UnequalCondition]:
    """Yield the tags that some runs lack, grouped by the runs that lack them."""
    lacking: dict[tuple[str, ...], list[str]] = {}
    for tag in sorted({tag for run in runs for tag in run.curves}):
        without = tuple(run.name for run in runs if tag not in run.curves)
        if without:
            lacking.setdefault(without, []).append(tag)
    for without, tags in lacking.items():
        yield UnequalCondition("tags", f"{some(tags, 3)}: missing in {_who(without, len(runs))}")


def _step_distances(runs: Sequence[Run]) -> Iterator[UnequalCondition]:
    """Yield a tag that runs of other tools log at very different intervals, as if counting other things."""
    if all(run.record for run in runs):
        return
    for tag in sorted({tag for run in runs for tag in run.modes}):
        distances = {run.name: _distance(run, tag) for run in runs}
        known = {name: distance for name, distance in distances.items() if distance}
        if known and max(known.values()) >= UNLIKE * min(known.values()):
            few, many = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
            text = f"{tag} is {known[few]:g} steps apart in {few} and {known[many]:g} in {many}"
            yield UnequalCondition("step-unit", f"{text}: do their steps count the same thing?")
            return


def _distance(run: Run, tag: str) -> float | None:
    steps = run.curves[tag][0] if tag in run.curves else np.array([])
    return float(np.median(np.diff(steps))) if len(steps) > 1 else None


def _data(runs: Sequence[Run]) -> Iterator[UnequalCondition]:
    """Yield differences in samples and split, separately for each seed if the seed draws the split.

    Data without a content digest are compared by their folder.
    """
    yield from _unequal("data", "data set", runs, lambda run: run.record and run.record.groups.get("dataset"))
    yield from _unequal(
        "data", "content of the data", runs, lambda run: run.record and run.record.data_content[:12]
    )
    unknown = [run for run in runs if run.record and not run.record.data_content]
    yield from _unequal("data", ROOT, unknown, lambda run: block(run.config, "dataset").get("root"))
    splits: dict[int | None, list[Run]] = {}
    for run in runs:
        splits.setdefault(run.seed if _seed_draws_split(run.config) else None, []).append(run)
    for seed, group in splits.items():
        name = "fingerprint of data and split" + (f" for seed {seed}" if seed is not None else "")
        yield from _unequal("data", name, group, lambda run: run.record and run.record.data_fingerprint[:12])


def _seed_draws_split(config: Mapping[str, Any]) -> bool:
    dataset = block(config, "dataset")
    return dataset.get("validate_on") != "test" and bool(dataset.get("val_fraction"))


def _last_steps(runs: Sequence[Run]) -> Iterator[UnequalCondition]:
    """Yield differences in length; for runs of other tools, that is their last step."""
    if not all(run.record for run in runs):
        yield from _unequal("length", "last step", runs, _last_step)


def _last_step(run: Run) -> int | None:
    return max((int(run.curves[tag][0][-1]) for tag in run.modes), default=None)


def _seeds(runs: Sequence[Run]) -> Iterator[UnequalCondition]:
    """Yield configs that were not run with the same seeds."""
    configs = [group for group in grouped(runs) if any(run.seed is not None for run in group)]
    by_seeds: dict[tuple[int, ...], list[str]] = {}
    for group in configs:
        seeds = tuple(sorted({run.seed for run in group if run.seed is not None}))
        by_seeds.setdefault(seeds, []).append(group[0].name)
    if len(by_seeds) > 1:
        parts = [
            f"{', '.join(map(str, seeds))} for {_who(names, len(configs), 'configs')}"
            for seeds, names in by_seeds.items()
        ]
        yield UnequalCondition("seeds", "; ".join(parts))


def _recorded(runs: Sequence[Run]) -> Iterator[UnequalCondition]:
    """Yield differences in the conditions that our runs record."""
    environments = {id(run): environment_of(run) for run in runs}
    evidence = {id(run): conditions_of(run, environments[id(run)]) for run in runs}
    names = dict.fromkeys((kind, name) for each in evidence.values() for kind in each for name in each[kind])
    for kind, name in names:
        yield from _unequal(kind, name, runs, lambda run: evidence[id(run)][kind].get(name))  # noqa: B023
    packages = {id(each): packages_of(each) for each in environments.values()}  # runs share an equal one
    if len(packages) > 1:
        yield from _packages(runs, {run: packages[id(each)] for run, each in environments.items()})


def _packages(runs: Sequence[Run], installed: Mapping[int, Mapping[str, str]]) -> Iterator[UnequalCondition]:
    """Yield one line for all installed packages, since many differ between two environments."""
    names = sorted({name for each in installed.values() for name in each})
    found = [
        difference.what
        for name in names
        for difference in _unequal("versions", name, runs, lambda run: installed[id(run)].get(name))  # noqa: B023
    ]
    if found:
        yield UnequalCondition("versions", some(found, 3))


def _unequal(
    kind: str, name: str, runs: Sequence[Run], value: Callable[[Run], Any]
) -> Iterator[UnequalCondition]:
    values = [value(run) for run in runs]
    if values and isinstance(values[0], str) and values.count(values[0]) == len(values):
        return  # as most conditions of most runs
    by_value: dict[Hashable, list[str]] = {}
    for run, here in zip(runs, values, strict=True):
        if here is not None and here != "":
            by_value.setdefault(here if isinstance(here, Hashable) else str(here), []).append(run.name)
    if len(by_value) > 1:
        often = sorted(by_value.items(), key=lambda item: -len(item[1]))
        parts = [f"{as_text(here)} in {_who(names, len(runs))}" for here, names in often]
        yield UnequalCondition(kind, f"{name}: {some(parts, 4)}")


def _who(names: Sequence[str], total: int, things: str = "runs") -> str:
    """Return one or two names, or else how many of all."""
    return " and ".join(names) if len(names) <= 2 else f"{len(names)} of {total} {things}"
