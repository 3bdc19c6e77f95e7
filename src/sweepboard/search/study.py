"""The study: which points were tried, their results, and which to try next; always on disk."""

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

from sweepboard.compat.optuna import continued_trial
from sweepboard.errors import reason
from sweepboard.formatting import number as number_text
from sweepboard.search.journal import DamagedStudy, Journal
from sweepboard.search.samplers import grid_order, pruner_for, sampler_for
from sweepboard.search.search_file import Search
from sweepboard.search.space import Axis, Choices, Value

_NAME = "search"
_STEPS, _REASON = "steps", "reason"
SAME_AS = "same_as"
"""Attribute of a trial that was not run: the number of the earlier trial of the same point."""


@dataclass(frozen=True)
class Trial:
    """A point of the space that was tried or is to be tried."""

    number: int
    values: dict[str, Value]


class Study:
    """An Optuna study in a file of the sweep's folder, from which it can be resumed after any end."""

    def __init__(self, path: Path, search: Search) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.search = search
        self._study = _open_study(path, search)
        self._distributions = {axis.key: _distribution(axis) for axis in search.space.axes}
        self._grid = grid_order(search.settings, search.space) if search.settings.sampler == "grid" else None
        self._trials: dict[int, optuna.Trial] = {}

    @property
    def size(self) -> int:
        """The planned number of trials; a grid may have fewer than were asked for."""
        asked = self.search.settings.trials
        return asked if self._grid is None else min(asked, len(self._grid))

    @property
    def complete(self) -> bool:
        """Whether all planned trials have ended."""
        return len(self.trials) >= self.size and all(trial.state.is_finished() for trial in self.trials)

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials so far, in order."""
        return self._study.get_trials(deepcopy=False)

    def ask(self) -> Trial:
        """Return the next point to try, recorded as running."""
        number = len(self.trials)
        if self._grid is not None:
            self._study.enqueue_trial(self._grid[number])
        self._study.sampler = sampler_for(self.search.settings, number)
        return self._complete(self._study.ask())

    def running(self) -> Iterator[Trial]:
        """Return the trials without a recorded end, whose process is gone."""
        for trial in self.trials:
            if trial.state in (TrialState.RUNNING, TrialState.WAITING):
                yield self._resumed(trial)

    def _resumed(self, trial: FrozenTrial) -> Trial:
        # The set-up of a new trial has been done, and CMA-ES must not repeat it; values that a kill has left
        # undrawn are drawn at random.
        self._study.sampler = optuna.samplers.RandomSampler(seed=trial.number)
        if trial.state == TrialState.WAITING:
            return self._complete(self._study.ask())
        return self._complete(continued_trial(self._study, trial))

    def _complete(self, trial: optuna.Trial) -> Trial:
        """Draw the values of a trial that a kill has left undrawn."""
        self._trials[trial.number] = trial
        values = {key: _suggest(trial, key, each) for key, each in self._distributions.items()}
        return Trial(trial.number, values)

    def report(self, number: int, step: int, value: float) -> bool:
        """Record a validation after `step` updates. Return whether to stop the trial.

        Idempotent: a resumed run may report a step twice.
        """
        trial = self._trials[number]
        steps = trial.user_attrs.get(_STEPS, [])
        if step not in steps:
            steps = [*steps, step]
            trial.set_user_attr(_STEPS, steps)
        validation = steps.index(step) + 1
        if (
            validation not in self._frozen(number).intermediate_values
        ):  # a kill may have come between the two writes
            trial.report(value, validation)
        return trial.should_prune()

    def why_pruned(self, number: int) -> str:
        """Return the pruner's reason as text."""
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
        """Record that a trial has finished, with one value per objective."""
        self._study.tell(number, list(values))

    def prune(self, number: int) -> None:
        """Record that a trial was stopped because others do better."""
        self._study.tell(number, state=TrialState.PRUNED)

    def fail(self, number: int, reason: str) -> None:
        """Record that a trial has failed."""
        self._trials[number].set_user_attr(_REASON, reason)
        self._study.tell(number, state=TrialState.FAIL)

    def repeat(self, number: int, other: int) -> None:
        """Give a trial the outcome of another trial of the same point, without running it."""
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
        """Return the best trial; with several objectives the Pareto front, each point once.

        The front is ordered by the first objective.
        """
        if not any(trial.state == TrialState.COMPLETE for trial in self.trials):
            return []
        if len(self.search.objectives) == 1:
            return [self._study.best_trial]
        sign = 1 if self.search.objectives[0].mode == "min" else -1
        first = [trial for trial in self._study.best_trials if SAME_AS not in trial.user_attrs]
        return sorted(first, key=lambda trial: sign * trial.values[0])

    def _frozen(self, number: int) -> FrozenTrial:
        return self.trials[number]


def _open_study(path: Path, search: Search) -> optuna.Study:
    """Return the study in `path`, or a new one. Raise `DamagedStudy`."""
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
    """Return why a trial failed."""
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
