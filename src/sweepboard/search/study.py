"""The study: what has been tried, what came of it, and what to try next; on the disk at any moment."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, TrialState

from sweepboard.compat.optuna import going_on
from sweepboard.errors import reason
from sweepboard.formatting import number as number_text
from sweepboard.search.journal import DamagedStudy, Journal
from sweepboard.search.samplers import grid_order, pruner_for, sampler_for
from sweepboard.search.search_file import Search
from sweepboard.search.space import Axis, Choices, Value

_NAME = "search"
_STEPS, _REASON = "steps", "reason"
SAME_AS = "same_as"
"""Attribute of a trial that was not run because its point had been: that trial's number."""


@dataclass(frozen=True)
class Trial:
    """A point of the space that was tried or is to be."""

    number: int
    values: dict[str, Value]


class Study:
    """An Optuna study in a file of the sweep's folder, by which it is taken up again after any end."""

    def __init__(self, path: Path, search: Search) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.search = search
        self._study = _taken_up(path, search)
        self._distributions = {axis.key: _distribution(axis) for axis in search.space.axes}
        self._grid = grid_order(search.settings, search.space) if search.settings.sampler == "grid" else None
        self._trials: dict[int, optuna.Trial] = {}

    @property
    def size(self) -> int:
        """Trials there are to be; a grid may have fewer than were asked for."""
        asked = self.search.settings.trials
        return asked if self._grid is None else min(asked, len(self._grid))

    @property
    def complete(self) -> bool:
        """Whether there are as many trials as there are to be, and all have ended."""
        return len(self.trials) >= self.size and all(trial.state.is_finished() for trial in self.trials)

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials so far, in their order."""
        return self._study.get_trials(deepcopy=False)

    def ask(self) -> Trial:
        """The next point to try, written down as running."""
        number = len(self.trials)
        if self._grid is not None:
            self._study.enqueue_trial(self._grid[number])
        self._study.sampler = sampler_for(self.search.settings, number)
        return self._complete(self._study.ask())

    def running(self) -> Iterator[Trial]:
        """The trials of which no end was told: those of a process that is gone."""
        for trial in self.trials:
            if trial.state in (TrialState.RUNNING, TrialState.WAITING):
                yield self._taken_up(trial)

    def _taken_up(self, trial: FrozenTrial) -> Trial:
        # What is done for a new trial has been done, and CMA-ES must not do it twice; values that a kill has
        # left out are drawn at random.
        self._study.sampler = optuna.samplers.RandomSampler(seed=trial.number)
        if trial.state == TrialState.WAITING:
            return self._complete(self._study.ask())
        return self._complete(going_on(self._study, trial))

    def _complete(self, trial: optuna.Trial) -> Trial:
        """Its values, of which a kill may have left some to be drawn."""
        self._trials[trial.number] = trial
        values = {key: _suggest(trial, key, each) for key, each in self._distributions.items()}
        return Trial(trial.number, values)

    def report(self, number: int, step: int, value: float) -> bool:
        """Take in a validation after `step` updates; returns whether to stop the trial.

        A run that goes on from a checkpoint may validate again where it had done so: that counts once.
        """
        trial = self._trials[number]
        steps = trial.user_attrs.get(_STEPS, [])
        if step not in steps:
            steps = [*steps, step]
            trial.set_user_attr(_STEPS, steps)
        validation = steps.index(step) + 1
        if validation not in self._frozen(number).intermediate_values:  # a kill may have come in between
            trial.report(value, validation)
        return trial.should_prune()

    def why_pruned(self, number: int) -> str:
        """The pruner's verdict in words."""
        trial, settings = self._frozen(number), self.search.settings
        values = [value for value in trial.intermediate_values.values() if math.isfinite(value)]
        objective = self.search.objectives[0]
        best = (min if objective.mode == "min" else max)(values, default=math.nan)
        count = len(trial.intermediate_values)
        rule = (
            "worse than the median of the trials before"
            if settings.pruner == "median"
            else f"not the best of {settings.reduction}"
        )
        return f"{objective.tag} {number_text(best)} after {count} validation{'s' * (count > 1)}: {rule}"

    def tell(self, number: int, values: Sequence[float]) -> None:
        """A trial has finished, and came to one value for each objective."""
        self._study.tell(number, list(values))

    def prune(self, number: int) -> None:
        """A trial was stopped because others do better."""
        self._study.tell(number, state=TrialState.PRUNED)

    def fail(self, number: int, reason: str) -> None:
        """A trial has failed."""
        self._trials[number].set_user_attr(_REASON, reason)
        self._study.tell(number, state=TrialState.FAIL)

    def repeat(self, number: int, other: int) -> None:
        """A trial of the very point of another one: it has come to the same end, without being run."""
        trial, past = self._trials[number], self._frozen(other)
        trial.set_user_attr(SAME_AS, other)
        for step, value in past.intermediate_values.items():
            trial.report(value, step)
        if past.state == TrialState.FAIL:
            self.fail(number, reason_of(past) or "")
        else:
            values = past.values if past.state == TrialState.COMPLETE else None
            self._study.tell(number, values, past.state)

    def best(self) -> list[FrozenTrial]:
        """The best trial; of several objectives the Pareto front by the first one, each point once."""
        if not any(trial.state == TrialState.COMPLETE for trial in self.trials):
            return []
        if len(self.search.objectives) == 1:
            return [self._study.best_trial]
        sign = 1 if self.search.objectives[0].mode == "min" else -1
        first = [trial for trial in self._study.best_trials if SAME_AS not in trial.user_attrs]
        return sorted(first, key=lambda trial: sign * trial.values[0])

    def _frozen(self, number: int) -> FrozenTrial:
        return self.trials[number]


def _taken_up(path: Path, search: Search) -> optuna.Study:
    """The study in `path`, or a new one. Raises `DamagedStudy`."""
    try:
        return optuna.create_study(
            storage=JournalStorage(Journal(path)),
            study_name=_NAME,
            directions=[objective.direction for objective in search.objectives],
            pruner=pruner_for(search.settings, search.validations),
            load_if_exists=True,
        )
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise DamagedStudy(f"{path} is no log of this search: {reason(error)}") from error


def reason_of(trial: FrozenTrial) -> str | None:
    """Why it failed."""
    reason: str | None = trial.user_attrs.get(_REASON)
    return reason


def _distribution(axis: Axis) -> BaseDistribution:
    if isinstance(axis, Choices):
        return CategoricalDistribution(axis.values)
    if axis.whole:
        return IntDistribution(int(axis.low), int(axis.high), axis.log, int(axis.step or 1))
    return FloatDistribution(axis.low, axis.high, axis.log, axis.step)


def _suggest(trial: optuna.Trial, key: str, distribution: BaseDistribution) -> Any:
    match distribution:
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(key, choices)
        case IntDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_int(key, low, high, step=step, log=log)
        case FloatDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_float(key, low, high, step=step, log=log)
    raise AssertionError(distribution)
