"""The optimizer update. It is the only code that runs once per step, so it is kept short."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from torch import Tensor, nn

from sweepboard.data.dealing import Surplus
from sweepboard.data.types import Batch
from sweepboard.errors import RunFailed
from sweepboard.training.compiled import new_step
from sweepboard.training.learner_parts import LearnerParts
from sweepboard.training.metric_objects import fresh_metrics
from sweepboard.training.several_updates import SeveralUpdates
from sweepboard.training.task import Model, Result, Step, as_step, training_loss
from sweepboard.training.weighted_mean import WeightedMean


class Learner(LearnerParts):
    """A model with its task, optimizers, schedules and precision.

    The model must already be on `device`, and the optimizers made from its parameters. `grad_clip` is the
    largest norm of the gradient over all parameters, `grad_clip_value` the largest of its numbers.
    `second_order` are the optimizers that differentiate the gradients again. `channels_last` stores
    convolution weights and the images of (input, target) pairs in that order. `compile` runs the forward pass
    through torch.compile; a string is its mode. `model` and the names in its state dict stay those of the
    plain module.

    Attributes: `step` (updates made), `loss` and `learning_rates` (of the last update, the rates by tag),
    `meter` (training loss and metrics since the last logging point), `on_gradients` (called with the name of
    each optimizer before it steps, when its gradients are unscaled and not yet clipped), `callable_model`
    (the model as the task gets it). Gradients stay set until the next update.
    """

    def autocast(self) -> AbstractContextManager[Any]:
        """Return a context manager for forward passes in the precision of the run."""
        return self.precision.autocast()

    def training_step(self, batch: Batch) -> Step:
        """Return what the task computes for a training batch, in the layout and precision of the run."""
        return self._computed(self.task.training_step, batch, self.callable_model)

    def evaluation_step(self, batch: Batch, compiled: bool = True) -> Step:
        """Return what the task computes for a validation or test batch, in layout and precision as trained.

        `compiled=False` does not use torch.compile, whatever the run does.
        """
        model = self.callable_model if compiled else self.model
        return self._computed(self.task.evaluation_step, batch, model)

    def _computed(self, step: Callable[[Model, Batch], Result], batch: Batch, model: Model) -> Step:
        if self.reuses_memory:
            new_step()
        batch = self.layout.of(batch)
        if self.precision.dtype is None:
            return as_step(self.task, step(model, batch), batch)
        with self.precision.autocast():
            return as_step(self.task, step(model, batch), batch)

    def laid_out(self, batch: Batch) -> Batch:
        """Return a pair in the memory layout and the precision of the weights; other batches as they are."""
        return self.layout.of(batch)

    def update(self, batches: Sequence[Batch]) -> Tensor:
        """Make one optimizer update in which every sample of `batches` has the same weight.

        For a task with `updates` these are all updates of the task. Return the mean loss, detached, without
        waiting for the device.
        """
        self.learning_rates = self.rates.now()
        self.step += 1
        if self.makes_updates:
            loss = self._several_updates(batches)
        else:
            loss = self._gradients(batches)
            if self.closure is None:
                self.apply(self.optimizers)
            else:
                self.closure.step(self.optimizer, loss, lambda: self._gradients_elsewhere(batches))
        self.schedules.after("step", {})
        self.loss = loss
        return loss

    def _gradients(self, batches: Sequence[Batch], measured: bool = True) -> Tensor:
        """Set the clipped gradients of the mean loss over `batches`, and return that loss."""
        self.clear_gradients()
        mean = WeightedMean(len(batches), self.gradient_sum)
        for batch in batches:
            self.backward(mean.add(self._forward(batch, measured)))
        mean.divide(self.parameters)
        self.clip(self.optimizers)
        return mean.loss

    def _forward(self, batch: Batch, measured: bool) -> Step:
        try:
            step = self._surplus(batch) if isinstance(batch, Surplus) else self.training_step(batch)
        except ValueError as error:
            _explain_batch_norm(error)
            raise
        if measured:
            self._measure(step)
        return step

    def _surplus(self, batch: Surplus) -> Step:
        """Return the step of a batch that another rank measures."""
        with fresh_metrics(self.task):
            return Step(training_loss(self.training_step(batch.batch)), samples=0, weight=0)

    def clear_gradients(self) -> None:
        """Set all gradients to None: `optimizer.zero_grad()` without its bookkeeping."""
        for parameter in self.parameters:
            parameter.grad = None

    def backward(self, loss: Tensor, only: str | None = None) -> None:
        """Add the gradients of `loss`; with several optimizers for the parameters of `only` alone."""
        if self.precision.scaler is not None:
            loss = self.precision.scaler.scale(loss)
        inputs = self.parameters_of(only) if only is not None and len(self.optimizers) > 1 else None
        twice = bool(self.second_order) if only is None else only in self.second_order
        loss.backward(inputs=inputs, create_graph=twice)  # type: ignore[no-untyped-call]

    def parameters_of(self, name: str) -> list[nn.Parameter]:
        """Return the parameters that the optimizer `name` trains."""
        groups = self.optimizers[name].param_groups
        return [weight for group in groups for weight in group["params"] if weight.requires_grad]

    def _measure(self, step: Step) -> None:
        self.meter.add(step)
        self.trace.append((self.step, self.learning_rates))

    def clip(self, names: Iterable[str]) -> None:
        """Clip the gradients of the parameters of these optimizers together, if that is asked for."""
        if self.grad_clip is None and self.grad_clip_value is None and self.on_gradients is None:
            return
        for name in names:
            if self.precision.scaler is not None:
                self.precision.scaler.unscale_(self.optimizers[name])
            if self.on_gradients is not None:
                self.on_gradients(name)
        # Those of others were cleared: the norm is that of the gradients that are set.
        if self.grad_clip_value is not None:
            nn.utils.clip_grad_value_(self.parameters, self.grad_clip_value)
        if self.grad_clip is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.grad_clip)

    def apply(self, names: Iterable[str]) -> None:
        """Step these optimizers with the gradients that are set."""
        scaler = self.precision.scaler
        if scaler is None:
            for name in names:
                self.steps[name]()
            return
        for name in names:
            scaler.step(self.optimizers[name])
        scaler.update()

    def _several_updates(self, batches: Sequence[Batch]) -> Tensor:
        step = SeveralUpdates(self, batches).run()
        self._measure(step)
        return training_loss(step)

    def _gradients_elsewhere(self, batches: Sequence[Batch]) -> Tensor:
        """Set the gradients at weights that an optimizer tries; nothing is measured there."""
        with fresh_metrics(self.task):
            return self._gradients(batches, measured=False)


def _explain_batch_norm(error: ValueError) -> None:
    """Raise RunFailed, which says what to do, if batch norm refused a batch of one sample."""
    if "more than 1 value per channel" in str(error):
        raise RunFailed(
            "batch norm cannot train on one sample, and the last batch of an epoch has only one (for this "
            "rank, if there are several): use dataset.drop_last=true, or another dataset.batch_size"
        ) from error
