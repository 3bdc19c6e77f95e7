"""Build every part of a run once and run it on a small batch, to check that the parts fit each other."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from sweepboard.building.assemble import build_task
from sweepboard.building.callbacks import build_callbacks
from sweepboard.building.dry_run_pairs import MISTAKES, check_pairs
from sweepboard.building.dry_run_task import check_task
from sweepboard.building.instantiate import Refused
from sweepboard.building.optimizer_check import check_optimizers_fit
from sweepboard.building.optimizer_nodes import optimizer_nodes
from sweepboard.building.rank_checks import check_ranks
from sweepboard.building.schedules import metrics_of_schedules
from sweepboard.building.second_order import check_second_order
from sweepboard.building.trial_model import InitialModel
from sweepboard.compose.locate import told
from sweepboard.compose.run_config import RunConfig
from sweepboard.data.batch_transform import KEY as BATCH_TRANSFORM
from sweepboard.data.batch_transform import batch_transform
from sweepboard.data.description import example_batch
from sweepboard.data.splits import validates
from sweepboard.data.types import Batch, Source
from sweepboard.errors import ConfigError, RunFailed, did_you_mean
from sweepboard.settings import TrainerSettings
from sweepboard.startup import one_thread
from sweepboard.training.compiled import check_compiler
from sweepboard.training.gradient_checkpointing import KEY, checkpoint_gradients
from sweepboard.training.initial_weights import check_initial_weights
from sweepboard.training.seeding import random_states_kept
from sweepboard.training.task import Task
from sweepboard.training.tasks import Supervised, described, looks_into_batches, metric_names

SAMPLES = 2


def dry_run(
    run: RunConfig, source: Source, initial: InitialModel | None = None, anew: bool = True
) -> list[str] | None:
    """Return the names of the metrics; None if only the first validation will show them.

    A copy of the `initial` model is tried, if there is one. The global random states are restored afterwards.
    Raise `ConfigError` if model, task, optimizer or scheduler refuse a value or do not fit the data.
    """
    config = run.values
    with random_states_kept(), one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the real build repeats them
        task = build_task(run, source.spec)
        model, metrics = _run_parts(run, task, source, initial)
        if metrics is not None:
            _check_metrics(config, metrics)
            _check_primary_metric(run, task, source, metrics)
        check_optimizers_fit(run, model)
        check_ranks(run, task, model)
        check_second_order(run)
        _check_gradient_checkpointing(model, run.settings.trainer)
        if anew:
            check_initial_weights(model, run.settings.weights)
        for key, callback in build_callbacks(run).items():
            callback.check_model(model, key)
        check_compiler(torch.device(config["device"]), config["trainer"]["compile"])
        return metrics


def _check_gradient_checkpointing(model: nn.Module, trainer: TrainerSettings) -> None:
    if trainer.gradient_checkpointing and trainer.compile:
        raise ConfigError(f"{KEY}: does not go with trainer.compile, which plans the memory itself")
    checkpoint_gradients(model, trainer.gradient_checkpointing)


def _run_parts(
    run: RunConfig, task: Task, source: Source, initial: InitialModel | None
) -> tuple[nn.Module, list[str] | None]:
    batch = example_batch(source, SAMPLES)
    trained = _as_trained(source, batch)
    if isinstance(task, Supervised) and not looks_into_batches(task) and source.spec is not None:
        return check_pairs(run, task, source, batch, trained, initial), metric_names(task, source.spec)
    names = [node.name for node in optimizer_nodes(run.values["optimizer"])]
    return check_task(run, task, batch, trained, initial, names)


def _as_trained(source: Source, batch: Batch) -> Batch:
    """Return `batch` as `dataset.batch_transform` leaves it."""
    transform = batch_transform(source, 0, torch.device("cpu"))
    if transform is None or batch is None:
        return batch
    try:
        return transform(batch, epoch=0, number=0)
    except RunFailed as error:
        raise ConfigError(str(error)) from error
    except (*MISTAKES, LookupError, AttributeError) as error:
        raise Refused(
            f"{BATCH_TRANSFORM}: it cannot change a batch of two samples, {described(batch)}: {told(error)}"
        ) from error


def _check_primary_metric(run: RunConfig, task: Task, source: Source, names: Sequence[str]) -> None:
    """Raise `ConfigError` if validation would not measure what chooses the best checkpoint."""
    trainer = run.settings.trainer
    settings = {"checkpoint": trainer.checkpoint.metric, "early_stopping": trainer.early_stopping.metric}
    unset = [f"trainer.{part}.metric={names[0]}" for part, metric in settings.items() if metric is None]
    if unset and task.primary_metric not in names and validates(run.settings.dataset, source):
        raise ConfigError(
            f"task: the primary_metric of {type(task).__name__} is {task.primary_metric}, but its steps "
            f"measure {', '.join(names)} only: set primary_metric in the class, or {' '.join(unset)}"
        )


def _check_metrics(config: Mapping[str, Any], names: Sequence[str]) -> None:
    named = {
        f"trainer.{part}.metric": config["trainer"][part]["metric"]
        for part in ("early_stopping", "checkpoint")
    }
    named |= {f"{key}.metric": metric for key, metric in metrics_of_schedules(config).items()}
    for key, metric in named.items():
        if metric is not None and metric not in names:
            raise ConfigError(f"{key}={metric}: there is no such metric{did_you_mean(metric, names)}")
