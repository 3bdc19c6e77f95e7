"""The objectives of a search: one metric or several, and their directions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sweepboard.board.scalar_reader import read_scalars
from sweepboard.building.assemble import build_task
from sweepboard.building.prepare import Prepared
from sweepboard.data.splits import split_sizes
from sweepboard.errors import ConfigError, RunFailed, did_you_mean
from sweepboard.metric_names import SPEED, UNKNOWN, mode_of, name_of
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import read_record
from sweepboard.settings import SEARCH, ProgramSettings, SearchSettings
from sweepboard.training.monitor import Monitor
from sweepboard.training.tasks import metric_names


@dataclass(frozen=True)
class Objective:
    """A metric by its TensorBoard tag; `mode` is `min` or `max`."""

    tag: str
    mode: str
    primary: bool = False
    """Whether it is the primary metric of a training function, which reports it while it runs."""

    @property
    def name(self) -> str:
        """The name in a run's record."""
        return name_of(self.tag)

    @property
    def validated(self) -> bool:
        """Whether it is measured while a trial runs."""
        return self.primary or self.tag.startswith("val/")

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """The direction in Optuna's terms."""
        return "minimize" if self.mode == "min" else "maximize"


class NoValue(RunFailed):
    """A finished trial has no value for the objective."""


def objectives_of(settings: SearchSettings, prepared: Prepared) -> tuple[Objective, ...]:
    """Return the objectives of trials like this one. Raise `ConfigError` for a metric that they lack."""
    if prepared.config.program is not None:
        return _of_program(settings, prepared.config.program)
    modes, primary_metric = _modes(prepared)
    tags = [_tag(metric, modes) for metric in _listed(settings.metric) or [primary_metric]]
    return tuple(
        Objective(tag, _mode(tag, direction, modes[tag])) for tag, direction in _directions(settings, tags)
    )


def _of_program(settings: SearchSettings, program: ProgramSettings) -> tuple[Objective, ...]:
    """Return the objectives of trials of a training function, of which only the tags' names are known."""
    tags = _listed(settings.metric) or _listed(program.primary_metric)
    if not tags:
        raise ConfigError(f"{SEARCH}.metric: is needed; type the tag to search for, {SEARCH}.metric=val/loss")
    return tuple(
        Objective(tag, _mode_of_program(tag, direction, program), tag == program.primary_metric)
        for tag, direction in _directions(settings, tags)
    )


def _mode_of_program(tag: str, direction: str | None, program: ProgramSettings) -> str:
    if direction is not None:
        return direction[:3]
    mode = program.mode if tag == program.primary_metric and program.mode else mode_of(tag)
    if mode == UNKNOWN:
        raise ConfigError(
            f"{SEARCH}.direction: the name of {tag} does not tell whether more is better; "
            f"type {SEARCH}.direction=minimize or maximize"
        )
    return mode


def _directions(settings: SearchSettings, tags: Sequence[str]) -> list[tuple[str, str | None]]:
    """Return each tag with the direction that was given for it, if any. Raise `ConfigError`."""
    directions: Sequence[str | None] = _listed(settings.direction) or [None] * len(tags)
    if len(directions) != len(tags):
        raise ConfigError(
            f"{SEARCH}.direction: {len(directions)} for {len(tags)} metrics, {', '.join(tags)}; give one each"
        )
    if len(set(tags)) < len(tags):
        raise ConfigError(f"{SEARCH}.metric: {', '.join(tags)}: name each metric once")
    return list(zip(tags, directions, strict=True))


def objective_value(objective: Objective, folder: RunFolder) -> float:
    """Return the objective's value of a finished trial. Raise `NoValue`.

    It is the best value of a validation metric, the last one of a test or training metric, the median of the
    speed.
    """
    value = _measured(objective, folder)
    if value is None or not math.isfinite(value):
        raise NoValue(f"{objective.tag} was never a finite number")
    return value


def _measured(objective: Objective, folder: RunFolder) -> float | None:
    record = read_record(folder)
    if objective.name in record.best and record.modes.get(objective.name) == objective.mode:
        return record.best[objective.name]
    if objective.tag in record.metrics:
        return record.metrics[objective.tag]
    curve = read_scalars(folder.path).get(objective.tag)
    if curve is None or not len(curve.values):
        return None
    values = [float(value) for value in curve.values]
    return statistics.median(values) if objective.tag == SPEED else values[-1]


def _modes(prepared: Prepared) -> tuple[dict[str, str], str]:
    """Return the mode of every metric that such a trial has, and its primary metric."""
    config, spec = prepared.config, prepared.source.spec
    task = build_task(config, spec)
    monitor = Monitor.of(config.settings.trainer, task, prepared.metrics or metric_names(task, spec))
    modes = {name: str(watch.mode) for name, watch in monitor.watches.items()}
    splits = split_sizes(config.settings.dataset, prepared.source)
    places = [split for split in ("val", "test", "train") if split in splits]
    places += ["test_best"] if {"val", "test"} <= splits.keys() else []
    found = {f"{place}/{name}": mode for place in places for name, mode in modes.items()}
    if not config.settings.logging.enabled:  # these are in the event files only
        return {tag: mode for tag, mode in found.items() if not tag.startswith("train/")}, task.primary_metric
    return {**found, SPEED: "max"}, task.primary_metric


def _tag(metric: str, modes: dict[str, str]) -> str:
    tag = f"val/{metric}" if "/" not in metric or f"val/{metric}" in modes else metric
    if tag not in modes:
        if tag.startswith("val/") and not any(name.startswith("val/") for name in modes):
            raise ConfigError(f"{SEARCH}.metric={tag}: there is no validation; set dataset.val_fraction=0.1")
        raise ConfigError(f"{SEARCH}.metric={metric}: no trial measures it{did_you_mean(tag, modes)}")
    return tag


def _mode(tag: str, direction: str | None, mode: str) -> str:
    if direction is None:
        return mode
    wanted = direction[:3]
    if tag.startswith("val/") and wanted != mode:  # a run keeps only the best of its validations
        name = tag.removeprefix("val/")
        raise ConfigError(
            f"{SEARCH}.direction={direction}: the best {tag} of a run is its {mode}imum; "
            f"set trainer.checkpoint.metric={name} and trainer.checkpoint.mode={wanted} too"
        )
    return wanted


def _listed(value: str | Sequence[str] | None) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(item) for item in value]
