"""Tasks for pairs of an input and a target: classes, labels, real numbers, and any loss of the two."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sweepboard.data.tree import leaves
from sweepboard.data.types import Batch, DataSpec
from sweepboard.errors import ConfigError
from sweepboard.training.metric_objects import metric_objects
from sweepboard.training.model_outputs import main_output
from sweepboard.training.sums import Sums
from sweepboard.training.task import Mode, Model, Step, Task, refuse_own_names

LossFunction: TypeAlias = Callable[[Tensor, Tensor], Tensor]

HALF = (torch.bfloat16, torch.float16)

_CROSS_ENTROPY = nn.CrossEntropyLoss()

TOP5_CLASSES = 20
"""The least number of classes for which top-5 accuracy is reported. With ten it says little."""


class Supervised(Task):
    """Learns targets from inputs: the base class of tasks for (input, target) pairs.

    `loss` is a function of (outputs, targets) that returns a mean over the batch. A subclass may override the
    method `loss` instead. Outputs are float (batch, ...), targets as in the data set; with a precision of
    bf16 or fp16 the loss gets the outputs as float32.
    """

    def __init__(self, loss: LossFunction) -> None:
        self.criterion: LossFunction | None = loss

    def training_step(self, model: Model, batch: Batch) -> Step:
        inputs, targets = batch if type(batch) in (tuple, list) and len(batch) == 2 else self._refuse(batch)
        outputs = model(inputs)
        if not isinstance(outputs, Tensor):
            outputs = main_output(outputs)
        if outputs.dtype in HALF:
            with torch.autocast(outputs.device.type, enabled=False):
                return self._step(inputs, outputs.float(), targets)
        return self._step(inputs, outputs, targets)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss over the batch: 0-dimensional, differentiable."""
        assert self.criterion is not None
        return self.criterion(outputs, targets)

    def loss_weight(self, targets: Tensor) -> float | Tensor | None:
        """Return what `loss` is a mean over, if it is not the number of samples.

        Class weights and ignored targets of torch's losses are known: then a loss does not depend on the
        size of evaluation batches.
        """
        return _weight_in_mean(self.criterion, targets)

    def statistics(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return the sums over the batch that `metrics` needs, without waiting for the device."""
        return {}

    def _step(self, inputs: Tensor, outputs: Tensor, targets: Tensor) -> Step:
        return Step(
            self.loss(outputs, targets),
            samples=len(targets),
            weight=self.loss_weight(targets),
            sums=self.statistics(outputs.detach(), targets),
            inputs=inputs,
            outputs=outputs,
            targets=targets,
        )

    def _refuse(self, batch: Batch) -> Any:
        raise ConfigError(
            f"task: {type(self).__name__} learns from pairs of an input and a target, and a batch here is "
            f"{described(batch)}: use a task for such data (docs/extending.md), or let the data set give "
            "pairs"
        )


def described(batch: Batch) -> str:
    """Return a batch in a few words, for messages."""
    if isinstance(batch, Mapping):
        return f"a {type(batch).__name__} with the keys {', '.join(map(str, list(batch)[:8]))}"
    if isinstance(batch, tuple | list):
        parts = ", ".join(type(part).__name__ for part in batch[:8])
        return f"a {type(batch).__name__} of {len(batch)} ({parts})"
    return f"a {type(batch).__name__}"


def _weight_in_mean(criterion: Any, targets: Tensor) -> Tensor | None:
    """Return what cross-entropy and NLL losses of torch divide by, in samples; None if by their number."""
    if not isinstance(criterion, nn.CrossEntropyLoss | nn.NLLLoss) or targets.is_floating_point():
        return None
    weights, ignored = criterion.weight, criterion.ignore_index
    if weights is None and targets.ndim < 2 and ignored < 0:  # a data set has no negative classes
        return None
    counted = targets != ignored
    each = counted if weights is None else weights[targets.where(counted, 0)] * counted
    return each.sum() * (len(targets) / targets.numel())


class Classification(Supervised):
    """One class per sample: cross-entropy, accuracy, and for 20 classes or more top-5 accuracy.

    Outputs are logits (batch, classes), targets int64 (batch,); dense targets (batch, ...) with logits
    (batch, classes, ...) work too. Targets of the shape of the outputs are probabilities, as mixup makes
    them: the likeliest class counts. `loss` replaces the cross-entropy and excludes `label_smoothing`.
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

    def loss_weight(self, targets: Tensor) -> float | Tensor | None:
        criterion = _CROSS_ENTROPY if self.criterion is None else self.criterion
        return _weight_in_mean(criterion, targets)

    def statistics(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        if targets.is_floating_point() and targets.shape == outputs.shape:
            targets = targets.argmax(1)
        sums = {"correct": self._over_samples(outputs.argmax(1).eq(targets), targets)}
        if outputs.shape[1] >= TOP5_CLASSES:
            hits = outputs.topk(5, dim=1).indices.eq(targets.unsqueeze(1)).any(1)
            sums["top5"] = self._over_samples(hits, targets)
        return sums

    def _over_samples(self, hits: Tensor, targets: Tensor) -> Tensor:
        """Return the sum over samples of a boolean, or of the mean of a sample's booleans that count."""
        if hits.ndim == 1:
            return hits.count_nonzero()
        counted = targets != getattr(self.criterion, "ignore_index", _CROSS_ENTROPY.ignore_index)
        return ((hits & counted).flatten(1).sum(1) / counted.flatten(1).sum(1).clamp(min=1)).sum()

    def metrics(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
        hits = {"accuracy": "correct", "top5": "top5"}  # a subclass may have steps that count nothing
        return {name: float(sums[key] / sums["count"]) for name, key in hits.items() if key in sums}

    def mode(self, metric: str) -> Mode:
        return "min" if metric == "loss" else "max"


class Regression(Supervised):
    """Real numbers per sample: mean squared error, mean absolute error (`mae`) and R2 (`r2`).

    Outputs are reshaped to the shape of the targets, (batch,) or (batch, ...), so that (batch, 1) against
    (batch,) cannot broadcast to (batch, batch). `loss` replaces the mean squared error.
    """

    primary_metric = "loss"

    def __init__(self, loss: LossFunction | None = None) -> None:
        super().__init__(F.mse_loss if loss is None else loss)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return super().loss(_shaped_like(outputs, targets), targets)

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
        if "absolute" not in sums:  # a subclass may have steps that sum nothing
            return {}
        return {"mae": float(sums["absolute"] / sums["count"]), "r2": _r2(sums)}

    def mode(self, metric: str) -> Mode:
        return "max" if metric == "r2" else "min"


class MultiLabel(Supervised):
    """Any number of labels per sample: binary cross-entropy, and how well a logit above 0 tells a label.

    `accuracy` is the share of labels that are right, `exact_match` that of samples with every label right;
    `f1` counts all labels together, `f1_macro` is the mean over labels. Outputs are logits, reshaped to the
    shape of the targets, floats of 0 or 1: (batch, labels), or masks (batch, ...). `loss` replaces the
    cross-entropy.
    """

    primary_metric = "f1"

    def __init__(self, loss: LossFunction | None = None) -> None:
        super().__init__(F.binary_cross_entropy_with_logits if loss is None else loss)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return super().loss(_shaped_like(outputs, targets), targets)

    def statistics(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        logits = _shaped_like(outputs, targets)
        chosen, true = logits > 0, targets > 0.5
        right = ((chosen == true) & ~logits.isnan()).reshape(len(targets), -1)
        counted = {"hits": chosen & true, "chosen": chosen, "true": true}
        return {
            "right": right.float().mean(1).sum(),
            "exact": right.all(1).sum(),
            **{name: marks.sum(0) if marks.ndim == 2 else marks.sum() for name, marks in counted.items()},
        }

    def metrics(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
        if "hits" not in sums:  # a subclass may have steps that sum nothing
            return {}
        hits, marks = sums["hits"], sums["chosen"] + sums["true"]
        macro = {"f1_macro": _f1(hits, marks)} if hits.numel() > 1 else {}
        shares = {"accuracy": "right", "exact_match": "exact"}
        return {
            "f1": _f1(hits.sum(), marks.sum()),
            **macro,
            **{name: float(sums[key] / sums["count"]) for name, key in shares.items()},
        }

    def mode(self, metric: str) -> Mode:
        return "min" if metric == "loss" else "max"


def _f1(hits: Tensor, marks: Tensor) -> float:
    """Return the mean F1 of labels; that of a label which is neither there nor chosen is 0."""
    return float((2 * hits / marks.clamp(min=1)).mean())


def _r2(sums: Mapping[str, Tensor]) -> float:
    """Return R2, the explained share of the variance over all target numbers.

    It equals `r2_score(multioutput="variance_weighted")` of scikit-learn, also for constant targets.
    """
    residual = float(sums["squared"].sum())
    total = float((sums["target_squared"] - sums["target"].square() / sums["count"]).sum())
    if total <= 0.0:
        return 1.0 if residual == 0.0 else 0.0
    return 1.0 - residual / total


def _shaped_like(outputs: Tensor, targets: Tensor) -> Tensor:
    if outputs.shape == targets.shape:
        return outputs
    if len(outputs) != len(targets) or outputs.numel() != targets.numel():
        raise ConfigError(
            f"the model gives {tuple(outputs.shape)} for targets of shape {tuple(targets.shape)}: "
            "set model.outputs to the numbers of one target"
        )
    return outputs.reshape(targets.shape)


def as_task(value: Any, spec: DataSpec | None) -> Task:
    """Return `value` if it is a task, else a task for this data with `value` as its loss.

    Raise ConfigError if it is neither a task nor a function.
    """
    if isinstance(value, Task):
        _refuse_hidden_methods(value)
        _check_steps(value)
        return value
    if not callable(value) or hasattr(value, "training_step"):
        raise ConfigError(
            f"task: {type(value).__name__} is neither a task nor a loss function of (outputs, targets): "
            "derive its class from sweepboard.Task, or use task=classification, multilabel or regression"
        )
    if spec is None:
        return Supervised(value)
    if spec.classes is not None:
        return Classification(value)
    return MultiLabel(value) if isinstance(value, _OF_LABELS) else Regression(value)


_OF_LABELS = (nn.BCEWithLogitsLoss, nn.MultiLabelSoftMarginLoss)


def _refuse_hidden_methods(task: Task) -> None:
    own = {*vars(task), *(vars(task).get("_modules") or ())}
    for name in sorted(own & {"metrics", "mode", "updates", "training_step", "evaluation_step"}):
        raise ConfigError(
            f"task: the attribute {name} of {type(task).__name__} hides the method {name} of a task: call it "
            "otherwise"
        )


def _check_steps(task: Task) -> None:
    for name in ("training_step", "evaluation_step", "updates"):
        signature = inspect.signature(getattr(task, name))
        try:
            signature.bind("model", "batch")
        except TypeError:
            raise ConfigError(
                f"task: {name} of {type(task).__name__} takes ({', '.join(signature.parameters)}), but it is "
                "called with (model, batch)"
            ) from None


def metric_names(task: Task, spec: DataSpec | None) -> list[str] | None:
    """Return the names of the metrics of `task` on data like `spec`, found with one zero sample.

    None if they are known only after a first evaluation: for a task that looks into the batch itself. Raise
    ConfigError if the task itself gives one called `loss` or `count`.
    """
    if spec is None or not isinstance(task, Supervised) or looks_into_batches(task):
        return None
    if spec.classes is not None:
        outputs, targets = torch.zeros(1, spec.classes), torch.zeros(1, dtype=torch.int64)
    else:
        outputs, targets = torch.zeros(1, spec.outputs), torch.zeros(1, *spec.target_shape)
    statistics = task.statistics(outputs, targets)
    refuse_own_names(task, "statistic", statistics)
    sums = {name: value.double() for name, value in statistics.items()}
    metrics = task.metrics(Sums(task, {"count": torch.ones((), dtype=torch.float64), **sums}))
    refuse_own_names(task, "metric", metrics)
    return ["loss", *metrics]


def looks_into_batches(task: Supervised) -> bool:
    """Return whether a subclass measures more than `statistics` and `metrics` do."""
    overridden = (type(task).training_step, type(task).evaluation_step)
    return overridden != (Supervised.training_step, Task.evaluation_step) or bool(metric_objects(task))


def modules_of(task: Task) -> list[nn.Module]:
    """Return the modules that a task is or holds, also in its containers.

    Their tensors (class weights) move to the device of the model and are saved in checkpoints.
    """
    if isinstance(task, nn.Module):
        return [task]
    return [leaf for leaf in leaves(vars(task)) if isinstance(leaf, nn.Module)]
