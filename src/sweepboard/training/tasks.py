"""What is learned: the loss, and the metrics that are reported beside it."""

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
"""What the runner adds up for every task."""

TOP5_CLASSES = 20
"""Classes from which on top-5 accuracy is reported: of ten it says little, and in a small step it costs."""


@runtime_checkable
class Task(Protocol):
    """A loss and its metrics. Outputs are float (batch, ...), targets as in `data.spec.Batch`."""

    @property
    def primary_metric(self) -> str:
        """The metric that chooses the best checkpoint and stops early, unless told otherwise."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean over the batch, 0-dimensional, differentiable."""

    def statistics(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Sums over the batch from which `metrics` follow, computed without waiting for the device.

        The loss and the number of samples are added up by the caller.
        """

    def metrics(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
        """Metrics from sums of `statistics` over any number of batches (float64, on the CPU).

        `sums` also holds `count`, the samples. The metric `loss` is the caller's.
        """

    def mode(self, metric: str) -> Mode:
        """Whether a smaller (`min`) or larger (`max`) value of `metric` is better."""


class Classification:
    """One class per sample: cross-entropy, accuracy, and top-5 accuracy from 20 classes on.

    Outputs are logits (batch, classes), targets int64 (batch,); dense targets (batch, ...) with logits
    (batch, classes, ...) work too. `loss` replaces the cross-entropy, then `label_smoothing` belongs to it.
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

    Outputs are brought to the shape of the targets, (batch,) or (batch, ...), so that (batch, 1) against
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
    """Share of the targets' variance that is explained, over all target numbers together.

    scikit-learn's `r2_score(multioutput="variance_weighted")`, its values for constant targets included.
    """
    residual = float(sums["squared"].sum())
    total = float((sums["target_squared"] - sums["target"].square() / sums["count"]).sum())
    if total <= 0.0:
        return 1.0 if residual == 0.0 else 0.0
    return 1.0 - residual / total


def _summed_over_samples(hits: Tensor) -> Tensor:
    """Sum of a boolean per sample, or of a sample's mean where it has many."""
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
    """`value` itself where it is a task, else a task for this data around a plain loss (module or function).

    Raises ConfigError where it is neither.
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
    """The metrics that `task` will give for data like `spec`, found by asking it for one zero sample.

    Raises ConfigError where it calls one `loss` or `count`.
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
    """A task cannot say what `loss` and `count` are: the runner adds them up itself."""
    for name in _OWN_NAMES & names.keys():
        raise ConfigError(
            f"task: {type(task).__name__} gives a {what} called {name}, which is the runner's own: "
            "call it otherwise"
        )


def modules_of(task: Task) -> list[nn.Module]:
    """Modules that a task is or holds: their tensors (class weights) follow the model to its device and into
    checkpoints."""
    if isinstance(task, nn.Module):
        return [task]
    return [value for value in vars(task).values() if isinstance(value, nn.Module)]
