"""The interface of a task: what is learned from a batch, and what is measured on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from torch import Tensor

from sweepboard.data.tree import length_of
from sweepboard.data.types import Batch
from sweepboard.errors import ConfigError
from sweepboard.metric_names import MAX, direction

Mode: TypeAlias = Literal["min", "max"]
Model: TypeAlias = Any  # so that a task of one's own may say the class of its model
"""The model as a task gets it: the `nn.Module`, or torch's wrapper around it where it is compiled."""

OWN_NAMES = frozenset({"loss", "count"})
"""Names that the runner measures itself for every task."""


@dataclass(slots=True)
class Step:
    """What a task computed for one batch. Tensors may carry a gradient; only that of `loss` is used."""

    loss: Any  # Tensor | None, which would make typed tasks assert that it is there
    """The mean over the samples: 0-dimensional, and differentiable in training. None: only in evaluation."""

    samples: int | Tensor | None = None
    """The number of samples; None is the length of the first tensor in the batch."""

    weight: float | Tensor | None = None
    """What `loss` is a mean over if it is not `samples`: a sum of class weights, a number of tokens."""

    values: Mapping[str, Tensor | float] = field(default_factory=dict)
    """Means over the samples, logged as `train/<name>`, `val/<name>` and `test/<name>`."""

    sums: Mapping[str, Tensor | float] = field(default_factory=dict)
    """Sums over the samples, of any shape; `Task.metrics` gets them summed over all batches."""

    inputs: Tensor | None = None
    """The inputs, for pictures of the validation samples."""

    outputs: Tensor | None = None
    """The outputs for `inputs`, one row per sample, for the same pictures."""

    targets: Tensor | None = None
    """The targets of `inputs`, one row per sample, for the same pictures."""


Result: TypeAlias = "Step | Tensor | Mapping[str, Any]"
"""What a step may return: a `Step`, a loss, or a mapping of values to log, with the loss as `loss`."""

Updates: TypeAlias = "Iterator[Result | tuple[str, Result]]"
"""What `Task.updates` yields: a result, with the name of its optimizer where there are several."""


class Task:
    """Base class of tasks, and the only code that looks into a batch.

    A task overrides `training_step`, or `updates` where one batch needs several optimizer updates.
    Its tensors (class weights in modules) move to the device of the model and are saved in checkpoints.
    Attributes that are metrics of torchmetrics, or containers of them, are measured separately on each split:
    a step calls their `update`, and the runner computes, logs and resets them.
    """

    primary_metric: str = "loss"
    """The metric that chooses the best checkpoint, stops early, and is what a search optimises."""

    modes: Mapping[str, Mode] = {}
    """Whether a smaller (`min`) or larger value (`max`) of a metric is better, if its name does not say."""

    evaluation_gradients: bool = False
    """Whether `evaluation_step` needs gradients, for example of the outputs with respect to the inputs."""

    def training_step(self, model: Model, batch: Batch) -> Result:
        """Return the loss of a batch, and what else is to be logged."""
        raise NotImplementedError(f"{type(self).__name__} has no training_step")

    def evaluation_step(self, model: Model, batch: Batch) -> Result:
        """Return the loss and the measurements of a batch, without gradients and in evaluation mode.

        The loss may be None where a model has none in evaluation; `primary_metric` is then another metric.
        The random states are restored afterwards: `torch.manual_seed(0)` here gives the same draws each time.
        """
        return self.training_step(model, batch)

    def updates(self, model: Model, batch: Batch) -> Updates:
        """Yield a loss for each optimizer update that this batch makes.

        After each `yield` the runner sets gradients to None, goes backward, clips, and steps. With several
        optimizers, yield `(name, loss)`: only the parameters of that optimizer get gradients.
        """
        raise NotImplementedError

    def metrics(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
        """Return metrics from the sums of `Step.sums` over any number of batches (float64, on the CPU).

        `sums` also holds `count`, the number of samples.
        """
        return {}

    def mode(self, metric: str) -> Mode:
        """Return whether a smaller (`min`) or larger (`max`) value of `metric` is better."""
        return self.modes.get(metric) or ("max" if direction(metric) == MAX else "min")


def makes_updates(task: Task) -> bool:
    """Return whether a task overrides `updates`."""
    return type(task).updates is not Task.updates


def as_step(task: Task, result: Result, batch: Batch) -> Step:
    """Return what a step of `task` returned as a `Step` with `samples` and `weight` set.

    Raise ConfigError for anything else, and RunFailed if nothing tells the number of samples.
    """
    step = result if isinstance(result, Step) else _step_of(task, result)
    if step.samples is None:
        step = replace(step, samples=length_of(batch))
    if step.weight is None:
        step.weight = step.samples
    return step


def _step_of(task: Task, result: Result) -> Step:
    if isinstance(result, Tensor):
        return Step(result)
    if isinstance(result, Mapping) and isinstance(result.get("loss"), Tensor | None):
        values = {name: value for name, value in result.items() if name != "loss"}
        return Step(result.get("loss"), values=values)
    raise ConfigError(
        f"task: a step of {type(task).__name__} returned a {type(result).__name__}: return the loss as a "
        "tensor, or sweepboard.tasks.Step(loss, values={...})"
    )


def training_loss(step: Step) -> Tensor:
    """Return the loss of a training step. Raise ConfigError if it has none."""
    if step.loss is None:
        raise ConfigError("task: a training step returned no loss: only evaluation_step may leave it out")
    loss: Tensor = step.loss
    return loss


def check_step(task: Task, step: Step) -> None:
    """Raise ConfigError for a loss that is not one number, and for values with the runner's own names."""
    name = type(task).__name__
    if step.loss is not None and step.loss.ndim > 0:
        raise ConfigError(f"task: {name} must give one number for a batch, not one per sample")
    refuse_own_names(task, "value", step.values)
    refuse_own_names(task, "statistic", step.sums)
    for key, value in step.values.items():
        if isinstance(value, Tensor) and value.numel() != 1:
            raise ConfigError(f"task: {name} gives {value.numel()} numbers as {key}: give their mean")


def refuse_own_names(task: Task, what: str, names: Mapping[str, Any]) -> None:
    """Raise ConfigError for `loss` and `count`, which the runner sums itself."""
    for name in sorted(OWN_NAMES & names.keys()):
        raise ConfigError(
            f"task: {type(task).__name__} gives a {what} called {name}, which is the runner's own: "
            "call it otherwise"
        )
