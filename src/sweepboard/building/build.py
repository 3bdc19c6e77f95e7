"""Build the objects of a run from a checked configuration."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import nn

from sweepboard.board.pages import data_page, model_page
from sweepboard.building.assemble import assemble
from sweepboard.building.callbacks import build_callbacks
from sweepboard.building.prepare import Prepared
from sweepboard.building.second_order import second_order
from sweepboard.building.trial_model import InitialModel
from sweepboard.compat.torch import avoid_compiler_import
from sweepboard.compose.locate import TARGET
from sweepboard.compose.run_config import RunConfig
from sweepboard.data.dealing import ALONE as ONE
from sweepboard.data.dealing import Dealing
from sweepboard.data.prepare import prepare_data
from sweepboard.data.types import Data, DataSpec
from sweepboard.names import without
from sweepboard.settings import LOGGERS, LoggingSettings, TrainerSettings
from sweepboard.startup import set_threads
from sweepboard.training.callback import Callback
from sweepboard.training.checkpoint import Checkpoints
from sweepboard.training.distributed import ALONE, Group, Ranks
from sweepboard.training.gradient_checkpointing import checkpoint_gradients
from sweepboard.training.learner import Learner
from sweepboard.training.loop import fit
from sweepboard.training.loop_state import LoopState
from sweepboard.training.rank_loop import RankLoop
from sweepboard.training.seeding import random_states_kept, seed_everything, set_random_states
from sweepboard.training.signals import StopFlag
from sweepboard.training.torch_flags import torch_flags
from sweepboard.training.work import Work

log = logging.getLogger(__name__)


@dataclass
class Experiment:
    """The objects of a run, independent of the configuration."""

    seed: int
    device: torch.device
    threads: int
    data: Data
    learner: Learner
    trainer: TrainerSettings
    logging: LoggingSettings
    callbacks: dict[str, Callback]

    @property
    def fingerprint(self) -> str:
        return self.data.fingerprint

    @property
    def content(self) -> str:
        return self.data.content

    @property
    def pages(self) -> dict[str, str]:
        return {"model": model_page(self.learner.model), "data": data_page(self.data)}

    def check(self, state: LoopState) -> None:
        """Load the state of the learner, which raises an error if it does not fit."""
        self.learner.load_state_dict(state.learner)

    def run(
        self,
        callbacks: Mapping[str, Callback],
        checkpoints: Checkpoints,
        stop: StopFlag,
        resume: LoopState | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        """Train as the settings say (`training.loop.fit`), maybe as one of several ranks."""
        with torch_flags(self.trainer):
            loop_class = None
            if isinstance(ranks, Group):
                self.learner.join(ranks, sharded=self.trainer.strategy == "fsdp")
                loop_class = RankLoop
            fit(
                self.learner,
                self.data,
                self.trainer,
                logging_every_steps=self.logging.every_steps,
                callbacks={**callbacks, **self.callbacks},
                checkpoints=checkpoints,
                stop=stop,
                resume=resume,
                loop_class=loop_class,
            )


def build_work(prepared: Prepared) -> Work:
    """Build what a run executes: the trainer with its parts, or a training function of the user's own.

    Of the trainer it is what rank 0 executes.
    """
    if prepared.config.program is not None:
        from sweepboard.building.program import program_work  # most runs start sooner without it

        return program_work(prepared.config, prepared.folder)
    return build(prepared, Dealing(0, prepared.config.ranks))


def build(prepared: Prepared, dealing: Dealing = ONE) -> Experiment:
    """Read the data and build the model, the optimizer and the other parts, for one rank.

    Set torch's number of threads and seed every global generator, so that the weights depend on the seed
    alone. Raise `UserError` if the data cannot be read.
    """
    config, settings = prepared.config.values, prepared.config.settings
    if not settings.trainer.compile:
        avoid_compiler_import()
    device = device_of(config["device"], dealing)
    threads = set_threads(config["threads"])
    epochs = 0 if settings.trainer.limit_train_batches else config["facts"]["epochs"]
    data = prepare_data(prepared.source, settings.dataset, config["seed"], device, dealing, epochs)
    seed_everything(config["seed"])
    learner = build_learner(prepared.config, data.spec, device, prepared.initial, prepared.anew)
    _warn_of_untrained(learner.task_modules, config["task"][TARGET])
    return Experiment(
        seed=config["seed"],
        device=device,
        threads=threads,
        data=data,
        learner=learner,
        trainer=settings.trainer,
        logging=settings.logging,
        callbacks=_callbacks(prepared.config, dealing),
    )


def device_of(name: str, dealing: Dealing) -> torch.device:
    """Return the device of a rank: each has a GPU of its own, of which srun may show it no other."""
    if name == "cuda" and dealing.size > 1:
        index = 0 if torch.cuda.device_count() == 1 else dealing.local_rank
        torch.cuda.set_device(index)
        return torch.device("cuda", index)
    return torch.device(name)


def _callbacks(config: RunConfig, dealing: Dealing) -> dict[str, Callback]:
    """Build the callbacks of a rank: those that change no result are called by rank 0 alone."""
    if dealing.rank:
        kept = without(config.values, config.writes_only)
        config = replace(config, values={**kept, LOGGERS: {}})
    with random_states_kept():  # a run with a logger trains like one without
        return build_callbacks(config)


def _warn_of_untrained(modules: list[nn.Module], target: str) -> None:
    """Log a warning if a loss has weights: the optimizer updates those of the model only."""
    names = [name for one in modules for name, weight in one.named_parameters() if weight.requires_grad]
    if names:
        more = ", ..." if len(names) > 3 else ""
        log.warning(
            "task: %s has weights of its own (%s), which no optimizer trains: give them to the model to "
            "learn them, or requires_grad=False to keep them",
            target,
            ", ".join(names[:3]) + more,
        )


def build_learner(
    config: RunConfig,
    spec: DataSpec | None,
    device: torch.device,
    initial: InitialModel | None = None,
    anew: bool = True,
) -> Learner:
    """Build the learner: the model on its device, and the parts that train it.

    A run that begins `anew` gets its initial weights. The random generators continue from where the building
    of an `initial` model left them.
    """
    if initial is not None:
        set_random_states(initial.random)
    model = None if initial is None else initial.model
    parts, trainer = assemble(config, spec, device, model, anew), config.settings.trainer
    checkpoint_gradients(parts.model, trainer.gradient_checkpointing)
    return Learner(
        parts.model,
        parts.task,
        parts.optimizers,
        parts.schedules,
        second_order=second_order(config.values["optimizer"]),
        device=device,
        precision=trainer.precision,
        grad_clip=trainer.grad_clip,
        grad_clip_value=trainer.grad_clip_value,
        channels_last=trainer.channels_last and not (config.ranks > 1 and trainer.strategy == "fsdp"),
        compile=trainer.compile,
    )
