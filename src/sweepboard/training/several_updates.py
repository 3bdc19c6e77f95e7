"""Several optimizer updates for one batch: the loop around `Task.updates`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from torch import Tensor

from sweepboard.data.dealing import Surplus
from sweepboard.data.tree import length_of
from sweepboard.data.types import Batch
from sweepboard.errors import ConfigError, RunFailed, did_you_mean
from sweepboard.training.metric_objects import fresh_metrics
from sweepboard.training.task import Step, as_step
from sweepboard.training.weighted_mean import WeightedMean

if TYPE_CHECKING:
    from sweepboard.training.learner import Learner


class SeveralUpdates:
    """Makes every update that a task yields for `batches`.

    Each batch has an iterator of its own, and one update takes the next loss of each: so accumulated batches
    give the updates of one large batch.
    """

    def __init__(self, learner: Learner, batches: Sequence[Batch]) -> None:
        self._learner = learner
        self._surplus = [isinstance(batch, Surplus) for batch in batches]
        plain = [batch.batch if isinstance(batch, Surplus) else batch for batch in batches]
        self._batches = [learner.laid_out(batch) for batch in plain]
        self._running = [iter(learner.task.updates(learner.callable_model, batch)) for batch in self._batches]
        self._measured = _Measured()

    def run(self) -> Step:
        """Make the updates; return what was measured. Raise ConfigError if there was none.

        With several optimizers `<name>_loss` is the mean loss of each, and the loss is the sum of these.
        """
        while (name := self._gradients()) is not None:
            self._learner.clip([name])
            self._learner.apply([name])
        if not self._measured.losses:
            raise ConfigError(
                f"task: {type(self._learner.task).__name__}.updates yielded no loss for a batch"
            )
        own = zip(self._batches, self._surplus, strict=True)
        return self._measured.step(sum(length_of(batch) for batch, surplus in own if not surplus))

    def _gradients(self) -> str | None:
        """Set the gradients of the next update; return the name of its optimizer, or None at the end."""
        mean, names = WeightedMean(len(self._batches), self._learner.gradient_sum), list[str | None]()
        for batch, results, surplus in zip(self._batches, self._running, self._surplus, strict=True):
            metrics = fresh_metrics(self._learner.task) if surplus else nullcontext()
            with self._learner.autocast(), metrics:
                result = next(results, None)
            if result is None:
                names.append(None)
                continue
            if not any(names):
                self._learner.clear_gradients()
            name, step = self._named(result, batch)
            self._learner.backward(mean.add(replace(step, weight=0) if surplus else step), name)
            if not surplus:
                self._measured.add(step)
            names.append(name)
        if names[0] is None and not any(names):
            return None
        name = self._the_one(names)
        mean.divide(self._learner.parameters_of(name))
        self._measured.losses.setdefault(name, []).append(mean.loss)
        return name

    def _named(self, result: Any, batch: Batch) -> tuple[str, Step]:
        """Return the optimizer's name and the step of what was yielded."""
        task, known = self._learner.task, self._learner.optimizers
        if isinstance(result, tuple):
            name, result = result
        elif len(known) == 1:
            name = next(iter(known))
        else:
            raise ConfigError(
                f"task: {type(task).__name__}.updates must yield (name, loss), with the name of one of the "
                f"optimizers {', '.join(known)}"
            )
        if name not in known:
            raise ConfigError(
                f"task: {type(task).__name__}.updates names the optimizer {name}{did_you_mean(name, known)}"
            )
        return name, as_step(task, result, batch)

    def _the_one(self, names: Sequence[str | None]) -> str:
        if len(set(names)) > 1 or names[0] is None:
            raise RunFailed(
                f"task: {type(self._learner.task).__name__}.updates yields other updates for one batch than "
                "for another, so that they cannot be accumulated: use trainer.accumulate=1"
            )
        return names[0]


class _Measured:
    """The losses of all updates, by optimizer, and the values that the task gave with them."""

    def __init__(self) -> None:
        self.losses: dict[str, list[Tensor]] = {}
        self._values: dict[str, list[tuple[Any, Any]]] = {}  # each with its number of samples
        self._sums: dict[str, Tensor | float] = {}

    def add(self, step: Step) -> None:
        for name, value in step.values.items():
            self._values.setdefault(name, []).append((_detached(value), step.samples))
        for name, value in step.sums.items():
            self._sums[name] = self._sums.get(name, 0.0) + _detached(value)

    def step(self, samples: int) -> Step:
        """Return the whole as one step."""
        losses = {name: _plain_mean(each) for name, each in self.losses.items()}
        named = {f"{name}_loss": loss for name, loss in losses.items()} if len(losses) > 1 else {}
        values = {name: _mean(each) for name, each in self._values.items()}
        return Step(reduce(add, losses.values()), samples, samples, {**named, **values}, self._sums)


def _plain_mean(losses: Sequence[Tensor]) -> Tensor:
    """Return the mean of losses; of one the loss itself, since small operations add up in small models."""
    return losses[0] if len(losses) == 1 else reduce(add, losses) / len(losses)


def _mean(values: Sequence[tuple[Any, Any]]) -> Any:
    """Return the mean of values over their samples."""
    return sum(value * samples for value, samples in values) / sum(samples for _, samples in values)


def _detached(value: Tensor | float) -> Tensor | float:
    return value.detach() if isinstance(value, Tensor) else value
