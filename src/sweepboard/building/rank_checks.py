"""What a run of several processes cannot be, refused before anything is written."""

from __future__ import annotations

from torch import nn
from torch.optim import LBFGS

from sweepboard.building.optimizer_nodes import optimizer_nodes
from sweepboard.compose.locate import TARGET
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import ConfigError
from sweepboard.names import named_entries
from sweepboard.settings import CALLBACKS
from sweepboard.training.metric_ranks import check_metrics
from sweepboard.training.task import Task, makes_updates


def check_ranks(run: RunConfig, task: Task, model: nn.Module) -> None:
    """Raise `ConfigError` for a configuration with more than one process that cannot be trained so."""
    if run.ranks == 1:
        return
    _check_samples(run)
    _check_optimizers(run)
    _check_model(run, model)
    check_metrics(task)
    if run.settings.trainer.strategy == "fsdp":
        _check_sharded(run, task)


def _check_samples(run: RunConfig) -> None:
    samples = run.settings.dataset.batch_size
    if samples < run.ranks:
        raise ConfigError(
            f"dataset.batch_size={samples}: is divided among {run.ranks} processes (trainer.devices), and "
            f"each needs a sample; use {run.ranks} or more"
        )


def _check_optimizers(run: RunConfig) -> None:
    for node in optimizer_nodes(run.values["optimizer"]):
        if isinstance(node.target, type) and issubclass(node.target, LBFGS):
            raise ConfigError(
                f"{node.key}: LBFGS does not go with several processes: use trainer.devices=1, or another "
                "optimizer"
            )


def _check_model(run: RunConfig, model: nn.Module) -> None:
    if run.settings.trainer.sync_batch_norm and run.device != "cuda":
        raise ConfigError(
            f"trainer.sync_batch_norm: torch has it for GPUs, and this run is on {run.device}; leave it out"
        )
    for name, module in model.named_modules():
        if getattr(module, "sparse", False) is True:
            raise ConfigError(
                f"model: {name or 'it'} has sparse gradients, which several processes cannot add up: use "
                "sparse=False, or trainer.devices=1"
            )


_ON_RANK_0 = ("histograms", "graph", "predictions", "confusion_matrix", "pr_curves", "embeddings")
"""What rank 0 alone makes from the model, of which it has a part only."""


def _check_sharded(run: RunConfig, task: Task) -> None:
    trainer, logging = run.settings.trainer, run.settings.logging
    refused = {
        "trainer.precision=fp16": trainer.precision == "fp16",
        "trainer.compile": bool(trainer.compile),
        "trainer.gradient_checkpointing": bool(trainer.gradient_checkpointing),
        "task.updates": makes_updates(task),
        **{f"logging.{name}": bool(getattr(logging, name)) for name in _ON_RANK_0},
        **{key: key.startswith(CALLBACKS) for key in named_entries(run.values)},
    }
    for node in optimizer_nodes(run.values["optimizer"]):
        refused[f"{node.key} {node.arguments[TARGET]}"] = not node.arguments[TARGET].startswith(
            "torch.optim."
        )
    for key, is_given in refused.items():
        if is_given:
            raise ConfigError(f"{key}: does not go with trainer.strategy=fsdp: leave it out, or use ddp")
