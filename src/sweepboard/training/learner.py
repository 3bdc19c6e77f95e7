"""The optimizer update. It is the only code that runs once per step, so it is kept short."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from sweepboard.data.dealing import Surplus
from sweepboard.data.types import Batch
from sweepboard.errors import ConfigError, NonFiniteLoss, RunFailed, UserError
from sweepboard.training.attributes import Attributes, set_attributes
from sweepboard.training.checkpoint import copied, tensors_sha256, weights_sha256
from sweepboard.training.closures import Closure, needs_closure, takes_closure
from sweepboard.training.compiled import check_compiler, compiled, new_step
from sweepboard.training.distributed import ALONE, Group, Ranks, same_weights
from sweepboard.training.gradient_sum import GradientSum
from sweepboard.training.layout import Layout
from sweepboard.training.learning_rates import LearningRates, Rate
from sweepboard.training.meter import Meter
from sweepboard.training.metric_objects import fresh_metrics
from sweepboard.training.metric_ranks import keep_alone
from sweepboard.training.optimizer_modes import begin_training, evaluation_weights, has_modes
from sweepboard.training.optimizer_patches import fast_step
from sweepboard.training.precision import Precision
from sweepboard.training.rank_states import seed_rank
from sweepboard.training.schedules import Schedules
from sweepboard.training.several_updates import SeveralUpdates
from sweepboard.training.task import Model, Result, Step, Task, as_step, makes_updates, training_loss
from sweepboard.training.tasks import modules_of
from sweepboard.training.weighted_mean import WeightedMean

MODEL = "model"
"""The prefix of attributes of the model in a checkpoint."""

OPTIMIZER = "optimizer"
"""The name of an optimizer that is the only one."""


class Learner:
    """A model with its task, optimizers, schedules and precision.

    The model must already be on `device`, and the optimizers made from its parameters. `grad_clip` is the
    largest norm of the gradient over all parameters, `grad_clip_value` the largest of its numbers.
    `second_order` are the optimizers that differentiate the gradients again.
    `channels_last` stores convolution weights and the
    images of (input, target) pairs in that order. `compile` runs the forward pass through torch.compile; a
    string is its mode. `model` and the names in its state dict stay those of the plain module.

    Attributes: `step` (updates made), `loss` and `learning_rates` (of the last update, the rates by tag),
    `meter` (training loss and metrics since the last logging point), `on_gradients` (called with the name of
    each optimizer before it steps, when its gradients are unscaled and not yet clipped), `callable_model`
    (the model as the task gets it). Gradients stay set until the next update.
    """

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
        self._second_order = second_order
        if second_order:  # the cycle it warns of is broken before each update
            warnings.filterwarnings("ignore", message=r"Using backward\(\) with create_graph=True")
        self.precision = Precision(precision, self.device)
        check_compiler(self.device, compile)
        self.grad_clip, self.grad_clip_value = grad_clip, grad_clip_value
        self.meter = Meter(task)
        self.step = 0
        self._rates = LearningRates(self.optimizers)
        self.learning_rates = self._rates.now()
        self._trace: list[tuple[int, Mapping[str, Rate]]] = []
        self._parameters = list(model.parameters())
        self._layout = Layout(model, channels_last)
        self.task_modules = modules_of(task)
        for module in self.task_modules:
            module.to(self.device)
        self._attributes = Attributes(self._changing)
        self._steps = {name: fast_step(optimizer) for name, optimizer in self.optimizers.items()}
        self._makes_updates = makes_updates(task)
        self.loss = torch.zeros(())
        self.on_gradients: Callable[[str], None] | None = None
        self.ranks: Ranks = ALONE
        self._sharding: Any = None
        self.whole_model: dict[str, Any] = {}  # the last state dict, of a sharded model
        self.gradient_sum: GradientSum | None = None
        self._closure = self._closure_for_steps()
        begin_training(self.optimizers.values())
        self.callable_model: Model = compiled(model, compile) if compile else model
        self._reuses_memory = isinstance(compile, str)

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
            self._parameters = list(self.model.parameters())
            self._steps = {name: optimizer.step for name, optimizer in self.optimizers.items()}
        keep_alone(self.task)
        self.ranks, self.meter = ranks, Meter(self.task, ranks)
        kind = self._sharding.ShardedGradients if sharded else GradientSum
        self.gradient_sum = kind(ranks, self.model)

    @property
    def sharded(self) -> bool:
        """Whether this rank has a part of every weight only."""
        return self._sharding is not None

    def autocast(self) -> AbstractContextManager[Any]:
        """Return a context manager for forward passes in the precision of the run."""
        return self.precision.autocast()

    def training_step(self, batch: Batch) -> Step:
        """Return what the task computes for a training batch, in the layout and precision of the run."""
        return self._computed(self.task.training_step, batch, self.callable_model)

    def evaluation_step(self, batch: Batch, compiled: bool = True) -> Step:
        """Return what the task computes for a validation or test batch, in layout and precision as trained.

        `compiled=False` does not use torch.compile, whatever the run does.
        """
        model = self.callable_model if compiled else self.model
        return self._computed(self.task.evaluation_step, batch, model)

    def _computed(self, step: Callable[[Model, Batch], Result], batch: Batch, model: Model) -> Step:
        if self._reuses_memory:
            new_step()
        batch = self._layout.of(batch)
        if self.precision.dtype is None:
            return as_step(self.task, step(model, batch), batch)
        with self.precision.autocast():
            return as_step(self.task, step(model, batch), batch)

    def laid_out(self, batch: Batch) -> Batch:
        """Return a pair in the memory layout and the precision of the weights; other batches as they are."""
        return self._layout.of(batch)

    def update(self, batches: Sequence[Batch]) -> Tensor:
        """Make one optimizer update in which every sample of `batches` has the same weight.

        For a task with `updates` these are all updates of the task. Return the mean loss, detached, without
        waiting for the device.
        """
        self.learning_rates = self._rates.now()
        self.step += 1
        if self._makes_updates:
            loss = self._several_updates(batches)
        else:
            loss = self._gradients(batches)
            if self._closure is None:
                self.apply(self.optimizers)
            else:
                self._closure.step(self.optimizer, loss, lambda: self._gradients_elsewhere(batches))
        self.schedules.after("step", {})
        self.loss = loss
        return loss

    def check(self) -> None:
        """Fetch losses from the device. Raise NonFiniteLoss for the first one that is not finite.

        It is raised by all ranks.
        """
        finite = self.meter.fetch().isfinite()
        trace, self._trace = self._trace, []
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
        return {MODEL: self.model, **loose, **modules}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what `state_dict()` returned. Raise UserError for the state of another model."""
        try:
            model = state["model"]
            self.model.load_state_dict(
                self._sharding.part_of_model(self.model, model) if self.sharded else model
            )
            self._load_task(state["task"])
            set_attributes(self._changing, state["attributes"])
            self._load_optimizers(state["optimizers"])
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"the checkpoint does not fit this run: {reason}") from error
        self.schedules.load_state_dict(state["schedules"])
        if self.precision.scaler is not None and state["scaler"]:
            self.precision.scaler.load_state_dict(state["scaler"])
        self.meter.load_state_dict(state["meter"])
        self.step, self.learning_rates = state["step"], dict(state["learning_rates"])

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

    def _gradients(self, batches: Sequence[Batch], measured: bool = True) -> Tensor:
        """Set the clipped gradients of the mean loss over `batches`, and return that loss."""
        self.clear_gradients()
        mean = WeightedMean(len(batches), self.gradient_sum)
        for batch in batches:
            self.backward(mean.add(self._forward(batch, measured)))
        mean.divide(self._parameters)
        self.clip(self.optimizers)
        return mean.loss

    def _forward(self, batch: Batch, measured: bool) -> Step:
        try:
            step = self._surplus(batch) if isinstance(batch, Surplus) else self.training_step(batch)
        except ValueError as error:
            _explain_batch_norm(error)
            raise
        if measured:
            self._measure(step)
        return step

    def _surplus(self, batch: Surplus) -> Step:
        """Return the step of a batch that another rank measures."""
        with fresh_metrics(self.task):
            return Step(training_loss(self.training_step(batch.batch)), samples=0, weight=0)

    def clear_gradients(self) -> None:
        """Set all gradients to None: `optimizer.zero_grad()` without its bookkeeping."""
        for parameter in self._parameters:
            parameter.grad = None

    def backward(self, loss: Tensor, only: str | None = None) -> None:
        """Add the gradients of `loss`; with several optimizers for the parameters of `only` alone."""
        if self.precision.scaler is not None:
            loss = self.precision.scaler.scale(loss)
        inputs = self.parameters_of(only) if only is not None and len(self.optimizers) > 1 else None
        twice = bool(self._second_order) if only is None else only in self._second_order
        loss.backward(inputs=inputs, create_graph=twice)  # type: ignore[no-untyped-call]

    def parameters_of(self, name: str) -> list[nn.Parameter]:
        """Return the parameters that the optimizer `name` trains."""
        groups = self.optimizers[name].param_groups
        return [weight for group in groups for weight in group["params"] if weight.requires_grad]

    def _measure(self, step: Step) -> None:
        self.meter.add(step)
        self._trace.append((self.step, self.learning_rates))

    def clip(self, names: Iterable[str]) -> None:
        """Clip the gradients of the parameters of these optimizers together, if that is asked for."""
        if self.grad_clip is None and self.grad_clip_value is None and self.on_gradients is None:
            return
        for name in names:
            if self.precision.scaler is not None:
                self.precision.scaler.unscale_(self.optimizers[name])
            if self.on_gradients is not None:
                self.on_gradients(name)
        # Those of others were cleared: the norm is that of the gradients that are set.
        if self.grad_clip_value is not None:
            nn.utils.clip_grad_value_(self._parameters, self.grad_clip_value)
        if self.grad_clip is not None:
            nn.utils.clip_grad_norm_(self._parameters, self.grad_clip)

    def apply(self, names: Iterable[str]) -> None:
        """Step these optimizers with the gradients that are set."""
        scaler = self.precision.scaler
        if scaler is None:
            for name in names:
                self._steps[name]()
            return
        for name in names:
            scaler.step(self.optimizers[name])
        scaler.update()

    def _several_updates(self, batches: Sequence[Batch]) -> Tensor:
        step = SeveralUpdates(self, batches).run()
        self._measure(step)
        return training_loss(step)

    def _closure_for_steps(self) -> Closure | None:
        """Return the closure of an optimizer that takes one. Raise ConfigError where it cannot have it."""
        for optimizer in filter(needs_closure, self.optimizers.values()):
            name = type(optimizer).__name__
            if self.precision.scaler is not None:
                told = f"trainer.precision=fp16 does not go with {name}: use bf16 or another optimizer"
                raise ConfigError(told)
            if len(self.optimizers) > 1 or self._makes_updates:
                raise ConfigError(
                    f"optimizer: {name} evaluates the loss itself, which needs one optimizer only and a task "
                    "without updates"
                )
        alone = len(self.optimizers) == 1 and not self._makes_updates and self.precision.scaler is None
        return Closure(self._parameters) if alone and takes_closure(self.optimizer) else None

    def _gradients_elsewhere(self, batches: Sequence[Batch]) -> Tensor:
        """Set the gradients at weights that an optimizer tries; nothing is measured there."""
        with fresh_metrics(self.task):
            return self._gradients(batches, measured=False)


def _explain_batch_norm(error: ValueError) -> None:
    """Raise RunFailed, which says what to do, if batch norm refused a batch of one sample."""
    if "more than 1 value per channel" in str(error):
        raise RunFailed(
            "batch norm cannot train on one sample, and the last batch of an epoch has only one (for this "
            "rank, if there are several): use dataset.drop_last=true, or another dataset.batch_size"
        ) from error
