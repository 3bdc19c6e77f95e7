"""Build every part of a run once and run it on a small batch, to check that the parts fit each other."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sweepboard.compose.assemble import build_model, build_optimizer, build_scheduler, build_task
from sweepboard.compose.callbacks import build_callbacks
from sweepboard.compose.instantiate import Refused
from sweepboard.compose.locate import TARGET, told
from sweepboard.compose.run_config import RunConfig
from sweepboard.data.splits import batches_per_epoch, split_sizes
from sweepboard.data.types import DataSpec, Source
from sweepboard.errors import ConfigError, did_you_mean
from sweepboard.training.learner import check_compiler
from sweepboard.training.schedules import Schedule
from sweepboard.training.seeding import random_states_kept
from sweepboard.training.tasks import Classification, Regression, Task, metric_names

BATCH = 2
MANY = 50_000_000
"""Number of weights above which the dry run computes shapes only."""


def dry_run(run: RunConfig, source: Source) -> None:
    """Raise `ConfigError` if model, task, optimizer or scheduler refuse a value or do not fit the data.

    The global random states are restored afterwards.
    """
    spec, config = source.spec, run.values
    with random_states_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the real build repeats them
        task = build_task(run, spec)
        _check_task(task, config["task"][TARGET], spec)
        model, outputs, in_training = _run_model(run, spec)
        _check_outputs(outputs, config["model"][TARGET], task, spec)
        _check_training_outputs(in_training, config["model"], task, spec)
        _check_trainable(model, in_training, config["model"][TARGET])
        if single := _single_samples(run, source):
            _check_single_samples(model, spec, *single)
        _check_loss(task, config["task"][TARGET], outputs, spec)
        _check_metrics(config, task, spec)
        _check_optimizer(run, model)
        build_callbacks(run)
        check_compiler(torch.device(config["device"]), config["trainer"]["compile"])


def _check_task(task: Task, target: str, spec: DataSpec) -> None:
    if isinstance(task, Classification) and spec.classes is None:
        raise ConfigError(
            f"task: {target} needs classes, but the targets here are real numbers; use task=regression, or "
            "make them whole where they are numbers of classes (target.long())"
        )
    if isinstance(task, Regression) and spec.classes is not None:
        raise ConfigError(
            f"task: {target} needs real numbers, but the targets here are classes; use task=classification"
        )


def _run_model(run: RunConfig, spec: DataSpec) -> tuple[nn.Module, Any, Any]:
    """Return the model, its outputs in evaluation mode and its outputs in training mode.

    A large model runs on torch's meta device, which computes shapes only. Other models run on the CPU,
    because the first use of the meta device imports a thousand modules and takes more than a second.
    """
    if _weights(run) > MANY:
        try:
            return _run_on("meta", run, spec)
        except Exception:
            pass  # the run on the CPU shows whether the model or the meta device failed
    return _run_on("cpu", run, spec)


def _weights(run: RunConfig) -> int:
    """Return the number of weights of the model, or 0 if it cannot be built on the meta device."""
    try:
        with torch.device("meta"):
            return sum(weight.numel() for weight in build_model(run).parameters())
    except Exception:
        return 0


def _run_on(device: str, run: RunConfig, spec: DataSpec) -> tuple[nn.Module, Any, Any]:
    target = run.values["model"][TARGET]
    with torch.device(device), torch.no_grad():
        model = build_model(run)
        if not isinstance(model, nn.Module):
            raise ConfigError(f"model: {target} gave a {type(model).__name__}, not a torch.nn.Module")
        inputs = torch.zeros(BATCH, *spec.input_shape)
        try:
            outputs = model.eval()(inputs)
            with torch.enable_grad():
                return model, outputs, model.train()(inputs)
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
            raise Refused(
                f"model: {target} cannot take inputs of shape {_shape(inputs)}: {told(error)}"
            ) from error


def _shape(tensor: Tensor) -> str:
    return f"(batch, {', '.join(map(str, tensor.shape[1:]))})" if tensor.ndim > 1 else "(batch,)"


def _check_outputs(outputs: Any, target: str, task: Task, spec: DataSpec) -> None:
    """Raise `ConfigError` if the outputs do not fit the data, for the tasks of sweepboard.

    Classification needs one number per class, and regression as many numbers as a target has.
    """
    gives = f"model: {target} gives for inputs of shape (batch, {', '.join(map(str, spec.input_shape))})"
    if not isinstance(outputs, Tensor):
        raise ConfigError(f"{gives} a {type(outputs).__name__}, but one tensor is needed")
    if not isinstance(task, Classification | Regression):
        return
    if spec.classes is not None:
        needed, right = f"(batch, {spec.classes})", outputs.shape == (BATCH, spec.classes)
    else:
        needed = _shape(torch.empty(BATCH, *spec.target_shape))
        right = len(outputs) == BATCH and outputs.numel() == BATCH * spec.outputs if outputs.ndim else False
    if not right:
        raise ConfigError(f"{gives} outputs of shape {_shape(outputs)}, but the data set needs {needed}")


def _check_training_outputs(outputs: Any, node: Mapping[str, Any], task: Task, spec: DataSpec) -> None:
    """Raise `ConfigError` if the outputs in training mode do not fit: auxiliary heads may add outputs."""
    if isinstance(outputs, Tensor):
        _check_outputs(outputs, f"{node[TARGET]}, while it trains,", task, spec)
        return
    auxiliary = any("aux" in field for field in getattr(outputs, "_fields", ()))  # torchvision's names
    remedy = "use model.aux_logits=false" if auxiliary else "let its forward return the first of them alone"
    raise ConfigError(
        f"model: {node[TARGET]} gives a {type(outputs).__name__} while it trains, but one tensor is "
        f"needed: {remedy}"
    )


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


def _single_samples(run: RunConfig, source: Source) -> tuple[str, str] | None:
    """Return why a training batch will have one sample and what to set instead, or None if none will."""
    settings, facts = run.settings.dataset, run.values["facts"]
    if settings.batch_size == 1:
        return "dataset.batch_size=1", "2 or more"
    samples, limit = split_sizes(settings, source)["train"], run.settings.trainer.limit_train_batches
    reached = limit is None or limit >= batches_per_epoch(settings, source)
    alone = samples % settings.batch_size == 1 and not settings.drop_last
    if not (alone and reached and facts["steps"] >= facts["steps_per_epoch"]):
        return None
    how = f"dataset.batch_size={settings.batch_size}: the last batch of {samples:,} samples has one"
    return how, "dataset.drop_last=true, another size"


def _check_single_samples(model: nn.Module, spec: DataSpec, how: str, instead: str) -> None:
    """Raise `ConfigError` if the model cannot train on one sample, for example because of batch norm."""
    weight = next(model.parameters())
    try:
        with torch.no_grad(), weight.device:
            model(torch.zeros(1, *spec.input_shape))
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
        norm = "more than 1 value per channel" in str(error)
        why = "batch norm cannot train on one sample" if norm else f"the model cannot take it: {told(error)}"
        remedy = f"{instead}, or a model without batch norm" if norm else instead
        raise ConfigError(f"{how}: {why}; use {remedy}") from error


def _check_loss(task: Task, target: str, outputs: Tensor, spec: DataSpec) -> None:
    guesses = torch.linspace(0.1, 0.9, outputs.numel()).reshape(outputs.shape).requires_grad_()
    targets = torch.zeros(BATCH, *spec.target_shape)
    if spec.classes is not None:
        targets = torch.zeros(BATCH, dtype=torch.int64)
    try:
        loss, of_twice = (task.loss(torch.cat([guesses] * n), torch.cat([targets] * n)) for n in (1, 2))
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
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


def _check_metrics(config: Mapping[str, Any], task: Task, spec: DataSpec) -> None:
    named = {
        f"trainer.{part}.metric": config["trainer"][part]["metric"]
        for part in ("early_stopping", "checkpoint")
    }
    if config["scheduler"].get("interval") == "validation":
        named["scheduler.metric"] = config["scheduler"]["metric"]
    names = metric_names(task, spec)
    for key, metric in named.items():
        if metric not in (None, "loss") and metric not in names:
            raise ConfigError(f"{key}={metric}: there is no such metric{did_you_mean(metric, names)}")


def _check_optimizer(run: RunConfig, model: nn.Module) -> None:
    _check_fused(run.values["optimizer"], model)
    optimizer = build_optimizer(run, _stand_ins(model))
    schedule = Schedule(build_scheduler(run, optimizer), run.settings.scheduler)
    schedule.check_length(run.values["facts"]["steps"], run.values["facts"]["steps_per_epoch"])


def _check_fused(node: Mapping[str, Any], model: nn.Module) -> None:
    """Raise `ConfigError` for `fused` and parameters that are not floating-point numbers.

    Most optimizers report this at the first update only.
    """
    for name, parameter in model.named_parameters():
        if node.get("fused") and not parameter.is_floating_point():
            kind = str(parameter.dtype).removeprefix("torch.")
            raise ConfigError(
                f"optimizer.fused: not for parameters of type {kind}, as {name} of the model is; type "
                "optimizer.fused=false"
            )


def _stand_ins(model: nn.Module) -> list[nn.Parameter]:
    """Return parameters on the CPU that have the model's shapes and types but need no memory."""
    return [
        nn.Parameter(torch.empty((), dtype=one.dtype).expand(one.shape), requires_grad=one.requires_grad)
        for one in model.parameters()
    ]
