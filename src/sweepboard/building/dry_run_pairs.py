"""The dry run of a task for (input, target) pairs: shapes of inputs, outputs and targets, and the loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sweepboard.building.instantiate import Refused
from sweepboard.building.single_samples import refuse_single_sample, single_samples
from sweepboard.building.trial_model import InitialModel, device_of, try_model
from sweepboard.compose.locate import TARGET, told
from sweepboard.compose.run_config import RunConfig
from sweepboard.data.types import DataSpec, Source
from sweepboard.errors import ConfigError
from sweepboard.training.model_outputs import main_output
from sweepboard.training.tasks import Classification, MultiLabel, Regression, Supervised

MISTAKES = (RuntimeError, ValueError, TypeError, IndexError, AssertionError)
"""What a model or a loss raises for a batch that does not fit it."""


def check_pairs(
    run: RunConfig,
    task: Supervised,
    source: Source,
    batch: tuple[Tensor, Tensor],
    trained: tuple[Tensor, Tensor],
    initial: InitialModel | None,
) -> nn.Module:
    """Raise `ConfigError` if model, task and data do not fit each other; return the model.

    `trained` is the batch as it is trained on: the same, or changed by `dataset.batch_transform`.
    """
    spec, config = source.spec, run.values
    assert spec is not None
    _check_kind(task, config["task"][TARGET], spec)
    _check_labels(task, config["task"][TARGET], batch[1])
    model, outputs, in_training = try_model(
        run, initial, lambda model: _outputs(model, config["model"][TARGET], batch[0])
    )
    _check_outputs(outputs, config["model"][TARGET], task, batch[1], spec)
    _check_training_outputs(in_training, config["model"], task, batch[1], spec)
    _check_trainable(model, in_training, config["model"][TARGET])
    if single := single_samples(run, source):
        _check_single_sample(model, batch[0][:1], *single)
    for targets in [batch[1]] if trained is batch else [batch[1], trained[1]]:
        _check_loss(task, config["task"][TARGET], outputs, targets)
    return model


def _check_kind(task: Supervised, target: str, spec: DataSpec) -> None:
    if isinstance(task, Classification) and spec.classes is None:
        raise ConfigError(
            f"task: {target} needs classes, but the targets here are real numbers; use task=regression, "
            "task=multilabel for labels of 0 or 1, or make them whole where they are numbers of classes "
            "(target.long())"
        )
    if isinstance(task, Regression | MultiLabel) and spec.classes is not None:
        raise ConfigError(
            f"task: {target} needs real numbers, but the targets here are classes; use task=classification"
        )


def _check_labels(task: Supervised, target: str, targets: Tensor) -> None:
    other = targets[(targets < 0) | (targets > 1)]
    if isinstance(task, MultiLabel) and len(other):
        raise ConfigError(
            f"task: {target} needs labels of 0 or 1, but a target here is {other[0]:g}; use task=regression"
        )


def _outputs(model: nn.Module, target: str, inputs: Tensor) -> tuple[nn.Module, Any, Any]:
    """Return the model, its outputs in evaluation mode and its outputs in training mode."""
    inputs = _as_trained(inputs.to(device_of(model)), model)
    try:
        with torch.no_grad():
            outputs = main_output(model.eval()(inputs))
        return model, outputs, main_output(model.train()(inputs))
    except MISTAKES as error:
        raise Refused(
            f"model: {target} cannot take inputs of shape {_shape(inputs)}{_whole(inputs)}: {told(error)}"
        ) from error


def _as_trained(inputs: Tensor, model: nn.Module) -> Tensor:
    """Return inputs as the learner gives them to the model: NumPy's float64 fits float32 weights."""
    if inputs.dtype is torch.float64 and all(weight.dtype is torch.float32 for weight in model.parameters()):
        return inputs.float()
    return inputs


def _whole(inputs: Tensor) -> str:
    """Return the type of whole numbers, which most models do not take, with what to do."""
    if inputs.is_floating_point():
        return ""
    dtype = str(inputs.dtype).removeprefix("torch.")
    return f" and type {dtype} (x.float() in the data set makes them real numbers)"


def _shape(tensor: Tensor) -> str:
    return f"(batch, {', '.join(map(str, tensor.shape[1:]))})" if tensor.ndim > 1 else "(batch,)"


def _check_outputs(outputs: Any, target: str, task: Supervised, targets: Tensor, spec: DataSpec) -> None:
    """Raise `ConfigError` if the outputs do not fit the data, for the tasks of sweepboard.

    Classification needs one number per class, the others as many numbers as a target has.
    """
    gives = f"model: {target} gives for inputs of shape (batch, {', '.join(map(str, spec.input_shape))})"
    if not isinstance(outputs, Tensor):
        got = f"a {type(outputs).__name__}, but one tensor is needed: {_way_to_one(outputs)}"
        raise ConfigError(f"{gives} {got}")
    if not isinstance(task, Classification | MultiLabel | Regression):
        return
    samples = len(targets)
    if spec.classes is not None:
        needed, right = f"(batch, {spec.classes})", outputs.shape == (samples, spec.classes)
    else:
        needed = _shape(targets)
        right = outputs.shape[:1] == (samples,) and outputs.numel() == samples * spec.outputs
    if not right:
        raise ConfigError(f"{gives} outputs of shape {_shape(outputs)}, but the data set needs {needed}")


def _check_training_outputs(
    outputs: Any, node: Mapping[str, Any], task: Supervised, targets: Tensor, spec: DataSpec
) -> None:
    """Raise `ConfigError` if the outputs in training mode do not fit: auxiliary heads may add outputs."""
    if isinstance(outputs, Tensor):
        _check_outputs(outputs, f"{node[TARGET]}, while it trains,", task, targets, spec)
        return
    raise ConfigError(
        f"model: {node[TARGET]} gives a {type(outputs).__name__} while it trains, but one tensor is "
        f"needed: {_way_to_one(outputs)}"
    )


def _way_to_one(outputs: Any) -> str:
    """Return what to change so that a model gives one tensor."""
    if isinstance(outputs, Mapping):
        return "let its forward return it alone, or as `logits` in this mapping"
    auxiliary = any("aux" in field for field in getattr(outputs, "_fields", ()))  # torchvision's names
    return "use model.aux_logits=false" if auxiliary else "let its forward return the first of them alone"


def _check_trainable(model: nn.Module, outputs: Tensor, target: str) -> None:
    if not any(weight.requires_grad for weight in model.parameters()):
        raise ConfigError(
            f"model: {target} has no weights to train: {_why_none(model)}; let one at least have "
            "requires_grad=True"
        )
    if not outputs.requires_grad:
        raise ConfigError(
            f"model: {target} gives outputs without a gradient, so that nothing could be learned: its "
            "forward must not use torch.no_grad(), detach() or argmax()"
        )


def _why_none(model: nn.Module) -> str:
    return "all are frozen" if any(True for _ in model.parameters()) else "it has no parameters"


def _check_single_sample(model: nn.Module, inputs: Tensor, how: str, instead: str) -> None:
    weight = next(model.parameters())
    try:
        with torch.no_grad(), weight.device:
            model(_as_trained(inputs.to(weight.device), model))
    except MISTAKES as error:
        refuse_single_sample(error, how, instead)


def _check_loss(task: Supervised, target: str, outputs: Tensor, targets: Tensor) -> None:
    guesses = torch.linspace(0.1, 0.9, outputs.numel()).reshape(outputs.shape).requires_grad_()
    try:
        loss, of_twice = (task.loss(torch.cat([guesses] * n), torch.cat([targets] * n)) for n in (1, 2))
    except MISTAKES as error:
        shapes = f"outputs of shape {_shape(outputs)} and targets of shape {_shape(targets)}"
        raise ConfigError(f"task: {target} cannot compare {shapes}: {told(error)}") from error
    if not isinstance(loss, Tensor) or loss.ndim > 0:
        raise ConfigError(f"task: {target} must give one number for a batch, not one per sample")
    if not loss.requires_grad:
        raise ConfigError(
            f"task: {target} gives a loss without a gradient, so that nothing could be learned: compute it "
            "from the outputs themselves, without argmax(), round(), item() or detach()"
        )
    # A sum over the batch would grow with dataset.batch_size, and val/loss with dataset.eval_batch_size.
    if loss.abs() > 0 and torch.isclose(of_twice, 2 * loss, rtol=1e-4):
        raise ConfigError(
            f"task: the loss of {target} doubles where the batch is doubled, so that it would depend on "
            "dataset.batch_size and dataset.eval_batch_size: use the mean (reduction=mean)"
        )
