"""Tasks: the loss that is minimised and the metrics that are reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sweepboard.data.types import DataSpec
from sweepboard.errors import ConfigError

Mode: TypeAlias = Literal["min", "max"]
LossFunction: TypeAlias = Callable[[Tensor, Tensor], Tensor]

_OWN_NAMES = frozenset({"loss", "count"})
"""Statistics that the runner sums for every task."""

TOP5_CLASSES = 20
"""The least number of classes for which top-5 accuracy is reported. With ten it says little."""


@runtime_checkable
class Task(Protocol):
    """A loss and its metrics. Outputs are float (batch, ...), targets as in `data.types.Batch`."""

    @property
    def primary_metric(self) -> str:
        """The default metric for the best checkpoint and early stopping."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss over the batch: 0-dimensional, differentiable."""

    def statistics(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return the sums over the batch that `metrics` needs, without waiting for the device.

        The caller sums the loss and the number of samples.
        """

    def metrics(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
        """Return the metrics from sums of `statistics` over any number of batches (float64, on the CPU).

        `sums` also holds `count`, the number of samples. The caller adds the metric `loss`.
        """

    def mode(self, metric: str) -> Mode:
        """Return whether a smaller (`min`) or larger (`max`) value of `metric` is better."""


class Classification:
    """One class per sample: cross-entropy, accuracy, and for 20 classes or more top-5 accuracy.

    Outputs are logits (batch, classes), targets int64 (batch,); dense targets (batch, ...) with logits
    (batch, classes, ...) work too. `loss` replaces the cross-entropy and excludes `label_smoothing`.
    """

    primary_metric = "accuracy"

    def __init__(self, loss: LossFunction | None = None, label_smoothing: float = 0.0) -> None:
        if loss is not None and label_smoothing:
            raise ConfigError("task.label_smoothing is for the built-in loss: give it to task.loss instead")
        if not 0.0 <= label_smoothing <= 1.0:
            raise ConfigError(f"task.label_smoothing={label_smoothing:g} must be between 0 and 1")
        self.criterion, self.label_smoothing = loss, label_smoothing

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if self.criterion is not None:
            return self.criterion(outputs, targets)
        return F.cross_entropy(outputs, targets, label_smoothing=self.label_smoothing)

    def statistics(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        sums = {"correct": _summed_over_samples(outputs.argmax(1).eq(targets))}
        if outputs.shape[1] >= TOP5_CLASSES:
            hits = outputs.topk(5, dim=1).indices.eq(targets.unsqueeze(1)).any(1)
            sums["top5"] = _summed_over_samples(hits)
        return sums

    def metrics(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
        count = sums["count"]
        values = {"accuracy": float(sums["correct"] / count)}
        if "top5" in sums:
            values["top5"] = float(sums["top5"] / count)
        return values

    def mode(self, metric: str) -> Mode:
        return "min" if metric == "loss" else "max"


class Regression:
    """Real numbers per sample: mean squared error, mean absolute error (`mae`) and R2 (`r2`).

    Outputs are reshaped to the shape of the targets, (batch,) or (batch, ...), so that (batch, 1) against
    (batch,) cannot broadcast to (batch, batch). `loss` replaces the mean squared error.
    """

    primary_metric = "loss"

    def __init__(self, loss: LossFunction | None = None) -> None:
        self.criterion = F.mse_loss if loss is None else loss

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return self.criterion(_shaped_like(outputs, targets), targets)

    def statistics(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        # float64, because R2 is a difference of large sums; Apple's GPUs do not have it.
        wide = torch.float32 if targets.device.type == "mps" else torch.float64
        truth = targets.reshape(len(targets), -1).to(wide)
        error = outputs.reshape(truth.shape).to(wide) - truth
        return {
            "absolute": error.abs().mean(1).sum(),
            "squared": error.square().sum(0),
            "target": truth.sum(0),
            "target_squared": truth.square().sum(0),
        }

    def metrics(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
        return {"mae": float(sums["absolute"] / sums["count"]), "r2": _r2(sums)}

    def mode(self, metric: str) -> Mode:
        return "max" if metric == "r2" else "min"


def _r2(sums: Mapping[str, Tensor]) -> float:
    """Return R2, the explained share of the variance over all target numbers.

    It equals `r2_score(multioutput="variance_weighted")` of scikit-learn, also for constant targets.
    """
    residual = float(sums["squared"].sum())
    total = float((sums["target_squared"] - sums["target"].square() / sums["count"]).sum())
    if total <= 0.0:
        return 1.0 if residual == 0.0 else 0.0
    return 1.0 - residual / total


def _summed_over_samples(hits: Tensor) -> Tensor:
    """Return the sum over samples of a boolean, or of the mean of the booleans of a sample."""
    return hits.count_nonzero() if hits.ndim == 1 else hits.flatten(1).float().mean(1).sum()


def _shaped_like(outputs: Tensor, targets: Tensor) -> Tensor:
    if outputs.shape == targets.shape:
        return outputs
    if len(outputs) != len(targets) or outputs.numel() != targets.numel():
        raise ConfigError(
            f"the model gives {tuple(outputs.shape)} for targets of shape {tuple(targets.shape)}: "
            "set model.outputs to the numbers of one target"
        )
    return outputs.reshape(targets.shape)


def as_task(value: Any, spec: DataSpec) -> Task:
    """Return `value` if it is a task, else a task for this data with `value` as its loss.

    Raise ConfigError if it is neither a task nor a function.
    """
    if isinstance(value, Task):
        return value
    if not callable(value):
        raise ConfigError(
            f"task: {type(value).__name__} is neither a task nor a loss function of (outputs, targets): "
            "use task=classification or task=regression"
        )
    return Classification(value) if spec.classes is not None else Regression(value)


def metric_names(task: Task, spec: DataSpec) -> list[str]:
    """Return the names of the metrics of `task` on data like `spec`, found with one zero sample.

    Raise ConfigError if the task itself gives one called `loss` or `count`.
    """
    if spec.classes is not None:
        outputs, targets = torch.zeros(1, spec.classes), torch.zeros(1, dtype=torch.int64)
    else:
        outputs, targets = torch.zeros(1, spec.outputs), torch.zeros(1, *spec.target_shape)
    statistics = task.statistics(outputs, targets)
    _refuse_own_names(task, "statistic", statistics)
    sums = {name: value.double() for name, value in statistics.items()}
    metrics = task.metrics({"count": torch.ones((), dtype=torch.float64), **sums})
    _refuse_own_names(task, "metric", metrics)
    return ["loss", *metrics]


def _refuse_own_names(task: Task, what: str, names: Mapping[str, Any]) -> None:
    """Raise ConfigError for `loss` and `count`, which the runner sums itself."""
    for name in _OWN_NAMES & names.keys():
        raise ConfigError(
            f"task: {type(task).__name__} gives a {what} called {name}, which is the runner's own: "
            "call it otherwise"
        )


def modules_of(task: Task) -> list[nn.Module]:
    """Return the modules that a task is or holds.

    Their tensors (class weights) move to the device of the model and are saved in checkpoints.
    """
    if isinstance(task, nn.Module):
        return [task]
    return [value for value in vars(task).values() if isinstance(value, nn.Module)]
