"""From a checked configuration to the objects of a run."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sweepboard.compat.torch import spare_the_compiler
from sweepboard.compose.instantiate import arguments, construct
from sweepboard.compose.locate import TARGET
from sweepboard.compose.prepare import Prepared
from sweepboard.compose.run_config import settings_of
from sweepboard.data.prepare import prepare_data
from sweepboard.data.types import Data, DataSpec
from sweepboard.settings import LoggingSettings, SchedulerSettings, TrainerSettings
from sweepboard.startup import set_threads
from sweepboard.training.learner import Learner
from sweepboard.training.seeding import seed_everything
from sweepboard.training.tasks import as_task

log = logging.getLogger(__name__)


@dataclass
class Experiment:
    """All that a run is made of; no configuration any more."""

    seed: int
    device: torch.device
    threads: int
    data: Data
    learner: Learner
    trainer: TrainerSettings
    logging: LoggingSettings


def build(prepared: Prepared) -> Experiment:
    """Read the data and make the model, the optimizer and the rest.

    Sets torch's number of threads and seeds every global generator: the weights are a function of the seed.
    Raises a `UserError` where the data cannot be read.
    """
    config, settings = prepared.config.values, prepared.config.settings
    if not settings.trainer.compile:
        spare_the_compiler()
    device = torch.device(config["device"])
    threads = set_threads(config["threads"])
    data = prepare_data(prepared.source, settings.dataset, config["seed"], device)
    seed_everything(config["seed"])
    learner = build_learner(config, data.spec, device)
    _tell_of_untrained(learner.task_modules, config["task"][TARGET])
    return Experiment(
        seed=config["seed"],
        device=device,
        threads=threads,
        data=data,
        learner=learner,
        trainer=settings.trainer,
        logging=settings.logging,
    )


def _tell_of_untrained(modules: list[nn.Module], target: str) -> None:
    """A loss may have weights, of which the optimizer, made for those of the model, knows nothing."""
    names = [name for one in modules for name, weight in one.named_parameters() if weight.requires_grad]
    if names:
        more = ", ..." if len(names) > 3 else ""
        log.warning(
            "task: %s has weights of its own (%s), which no optimizer trains: give them to the model to "
            "learn them, or requires_grad=False to keep them",
            target,
            ", ".join(names[:3]) + more,
        )


def build_learner(config: dict[str, Any], spec: DataSpec, device: torch.device) -> Learner:
    """The model on its device with all that changes it."""
    model: nn.Module = construct(config["model"], "model").to(device)
    optimizer = construct(config["optimizer"], "optimizer", model.parameters())
    node = arguments(config, "scheduler")
    trainer = config["trainer"]
    return Learner(
        model,
        as_task(construct(config["task"], "task"), spec),
        optimizer,
        construct(node, "scheduler", optimizer) if TARGET in node else None,
        scheduler_settings=settings_of(SchedulerSettings, config["scheduler"]),
        device=device,
        precision=trainer["precision"],
        grad_clip=trainer["grad_clip"],
        channels_last=trainer["channels_last"],
        compile=trainer["compile"],
    )


def build_model(config: dict[str, Any]) -> nn.Module:
    """The model alone, its weights yet to be loaded."""
    model: nn.Module = construct(config["model"], "model")
    return model
