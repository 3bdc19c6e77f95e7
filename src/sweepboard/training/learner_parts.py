"""The parts of a learner, and their state in a checkpoint."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from sweepboard.errors import NonFiniteLoss, UserError
from sweepboard.training.attributes import Attributes, set_attributes
from sweepboard.training.checkpoint import tensors_sha256, weights_sha256
from sweepboard.training.closures import closure_for_steps
from sweepboard.training.compiled import check_compiler, compiled
from sweepboard.training.distributed import ALONE, Group, Ranks, same_weights
from sweepboard.training.gradient_sum import GradientSum
from sweepboard.training.layout import Layout
from sweepboard.training.learning_rates import LearningRates, Rate
from sweepboard.training.meter import Meter
from sweepboard.training.metric_ranks import keep_alone
from sweepboard.training.optimizer_modes import begin_training, evaluation_weights, has_modes
from sweepboard.training.optimizer_patches import fast_step
from sweepboard.training.precision import Precision
from sweepboard.training.rank_states import seed_rank
from sweepboard.training.schedules import Schedules
from sweepboard.training.state_copies import copied
from sweepboard.training.task import Model, Task, makes_updates
from sweepboard.training.tasks import modules_of

MODEL = "model"
"""The prefix of attributes of the model in a checkpoint."""

OPTIMIZER = "optimizer"
"""The name of an optimizer that is the only one."""


class LearnerParts:
    """What a learner trains, alone or as one of several ranks, and how far it has come."""

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        optimizers: Optimizer | Mapping[str, Optimizer],
        schedules: Schedules | None = None,
        *,
        second_order: Collection[str] = (),
        device: torch.device | None = None,
        precision: str = "fp32",
        grad_clip: float | None = None,
        grad_clip_value: float | None = None,
        channels_last: bool = True,
        compile: bool | str = False,
    ) -> None:
        self.device = device or torch.device("cpu")
        self.model, self.task = model, task
        self.optimizers = {OPTIMIZER: optimizers} if isinstance(optimizers, Optimizer) else dict(optimizers)
        self.optimizer = next(iter(self.optimizers.values()))
        self.schedules = schedules or Schedules()
        self.second_order = second_order
        if second_order:  # the cycle it warns of is broken before each update
            warnings.filterwarnings("ignore", message=r"Using backward\(\) with create_graph=True")
        self.precision = Precision(precision, self.device)
        check_compiler(self.device, compile)
        self.grad_clip, self.grad_clip_value = grad_clip, grad_clip_value
        self.meter = Meter(task)
        self.step = 0
        self.rates = LearningRates(self.optimizers)
        self.learning_rates = self.rates.now()
        self.trace: list[tuple[int, Mapping[str, Rate]]] = []
        self.parameters = list(model.parameters())
        self.layout = Layout(model, channels_last)
        self.task_modules = modules_of(task)
        for module in self.task_modules:
            module.to(self.device)
        self._attributes = Attributes(self._changing)
        self.steps = {name: fast_step(optimizer) for name, optimizer in self.optimizers.items()}
        self.makes_updates = makes_updates(task)
        self.loss = torch.zeros(())
        self.on_gradients: Callable[[str], None] | None = None
        self.ranks: Ranks = ALONE
        self._sharding: Any = None
        self.whole_model: dict[str, Any] = {}  # the last state dict, of a sharded model
        self.gradient_sum: GradientSum | None = None
        self.closure = closure_for_steps(
            self.optimizers, self.parameters, self.makes_updates, self.precision.scaler is not None
        )
        begin_training(self.optimizers.values())
        self.callable_model: Model = compiled(model, compile) if compile else model
        self.reuses_memory = isinstance(compile, str)

    def join(self, ranks: Group, sharded: bool = False) -> None:
        """Train together with other ranks from here on, from the weights of rank 0.

        `sharded` leaves each rank a part of every weight.
        """
        same_weights(ranks, self.model)
        seed_rank(ranks.dealing)
        if sharded:
            from sweepboard.training import sharding  # imports much that few runs need

            self._sharding = sharding
            sharding.shard(self.model, ranks, self.optimizers.values())
            self.parameters = list(self.model.parameters())
            self.steps = {name: optimizer.step for name, optimizer in self.optimizers.items()}
        keep_alone(self.task)
        self.ranks, self.meter = ranks, Meter(self.task, ranks)
        kind = self._sharding.ShardedGradients if sharded else GradientSum
        self.gradient_sum = kind(ranks, self.model)

    @property
    def sharded(self) -> bool:
        """Whether this rank has a part of every weight only."""
        return self._sharding is not None

    def check(self) -> None:
        """Fetch losses from the device. Raise NonFiniteLoss for the first one that is not finite.

        It is raised by all ranks.
        """
        finite = self.meter.fetch().isfinite()
        trace, self.trace = self.trace, []
        wrong = None if finite.all() else trace[int(finite.logical_not().nonzero()[0])][0]
        step = self.ranks.earliest(wrong)
        if step is not None:
            rates = dict(trace)[step]
            raise NonFiniteLoss(step, {tag: float(rate) for tag, rate in rates.items()})

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next update depends on, without random states and data.

        Raise NonFiniteLoss, so that no diverged state is saved.
        """
        self.check()
        scaler = self.precision.scaler
        return {
            "step": self.step,
            "learning_rates": {tag: float(rate) for tag, rate in self.learning_rates.items()},
            **self.model_state(),
            "evaluated": self.evaluated_weights(),
            "task": [module.state_dict() for module in self.task_modules],
            "optimizers": {name: self._whole(one.state_dict()) for name, one in self.optimizers.items()},
            "schedules": self.schedules.state_dict(),
            "scaler": scaler.state_dict() if scaler is not None else {},
            "meter": self.meter.state_dict(),
        }

    def model_state(self) -> dict[str, Any]:
        """Return the state dict of the model, and its attributes that training changed."""
        state = self._whole(self.model.state_dict())
        if self.sharded and self.ranks.is_first:
            self.whole_model = state
        return {"model": state, "attributes": self._attributes.changed()}

    def _whole(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return a state dict as one process has it."""
        return self._sharding.whole(state) if self.sharded else state

    def weights_sha256(self) -> str:
        """Return the digest of the weights; of a sharded model of those that were saved last."""
        return tensors_sha256(self.whole_model) if self.sharded else weights_sha256(self.model)

    def evaluation_weights(self) -> AbstractContextManager[None]:
        """Return a context manager in which the model has the weights that its optimizers evaluate."""
        return evaluation_weights(self.optimizers.values())

    def evaluated_weights(self) -> dict[str, Tensor]:
        """Return the state dict with the weights that the optimizers evaluate; {} if they are the model's."""
        if not any(map(has_modes, self.optimizers.values())):
            return {}
        with self.evaluation_weights():
            state: dict[str, Tensor] = copied(self.model.state_dict())
            return state

    @property
    def _changing(self) -> dict[str, object]:
        """The objects that training may change, by their names in checkpoints."""
        loose = {} if isinstance(self.task, nn.Module) else {"task": self.task}
        modules = {f"task.{index}": module for index, module in enumerate(self.task_modules)}
        optimizers = {f"{OPTIMIZER}.{name}": each for name, each in self.optimizers.items() if _is_own(each)}
        return {MODEL: self.model, **loose, **modules, **optimizers}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what `state_dict()` returned. Raise UserError for the state of another model."""
        try:
            self.load_model(state["model"])
            self._load_task(state["task"])
            self._load_optimizers(state["optimizers"])
            set_attributes(self._changing, state["attributes"])
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"the checkpoint does not fit this run: {reason}") from error
        self.schedules.load_state_dict(state["schedules"])
        if self.precision.scaler is not None and state["scaler"]:
            self.precision.scaler.load_state_dict(state["scaler"])
        self.meter.load_state_dict(state["meter"])
        self.step, self.learning_rates = state["step"], dict(state["learning_rates"])

    def load_model(self, state: Mapping[str, Any]) -> None:
        """Load the state dict of the whole model; a sharded one takes its parts."""
        self.model.load_state_dict(self._sharding.part_of_model(self.model, state) if self.sharded else state)

    def _load_task(self, states: Sequence[Mapping[str, Any]]) -> None:
        if len(states) != len(self.task_modules):
            raise ValueError("its task is another one")
        for module, state in zip(self.task_modules, states, strict=True):
            module.load_state_dict(state)

    def _load_optimizers(self, states: Mapping[str, Any]) -> None:
        if states.keys() != self.optimizers.keys():
            raise ValueError(f"it has the optimizers {', '.join(states)}")
        for name, optimizer in self.optimizers.items():
            own = states[name]
            optimizer.load_state_dict(
                self._sharding.part_of_optimizer(optimizer, own) if self.sharded else own
            )


def _is_own(optimizer: Optimizer) -> bool:
    """Return whether an optimizer may have more than its state dict: those of torch have not."""
    return not type(optimizer).__module__.startswith("torch.optim")
