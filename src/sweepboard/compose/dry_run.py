"""Build every part of a run once and run it on a small batch, to check that the parts fit each other."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from sweepboard.compose.assemble import build_optimizer, build_scheduler, build_task
from sweepboard.compose.callbacks import build_callbacks
from sweepboard.compose.dry_run_pairs import check_pairs
from sweepboard.compose.dry_run_task import check_task
from sweepboard.compose.run_config import RunConfig
from sweepboard.data.description import example_batch
from sweepboard.data.types import Source
from sweepboard.errors import ConfigError, did_you_mean
from sweepboard.training.compiled import check_compiler
from sweepboard.training.learner import OPTIMIZER
from sweepboard.training.schedules import Schedule
from sweepboard.training.seeding import random_states_kept
from sweepboard.training.task import Task
from sweepboard.training.tasks import Supervised, looks_into_batches, metric_names

SAMPLES = 2


def dry_run(run: RunConfig, source: Source) -> list[str] | None:
    """Return the names of the metrics; None if only the first validation will show them.

    Raise `ConfigError` if model, task, optimizer or scheduler refuse a value or do not fit the data. The
    global random states are restored afterwards.
    """
    config = run.values
    with random_states_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the real build repeats them
        task = build_task(run, source.spec)
        model, metrics = _run_parts(run, task, source)
        if metrics is not None:
            _check_metrics(config, metrics)
        _check_optimizer(run, model)
        build_callbacks(run)
        check_compiler(torch.device(config["device"]), config["trainer"]["compile"])
        return metrics


def _run_parts(run: RunConfig, task: Task, source: Source) -> tuple[nn.Module, list[str] | None]:
    batch = example_batch(source, SAMPLES)
    if isinstance(task, Supervised) and not looks_into_batches(task) and source.spec is not None:
        return check_pairs(run, task, source, batch), metric_names(task, source.spec)
    return check_task(run, task, batch, [OPTIMIZER])


def _check_metrics(config: Mapping[str, Any], names: Sequence[str]) -> None:
    named = {
        f"trainer.{part}.metric": config["trainer"][part]["metric"]
        for part in ("early_stopping", "checkpoint")
    }
    if config["scheduler"].get("interval") == "validation":
        named["scheduler.metric"] = config["scheduler"]["metric"]
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
