"""The optimizer update. It is the only code that runs once per step, so it is kept short."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import count
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer
from torch.optim.lr_scheduler import LRScheduler

from sweepboard.data.types import Batch
from sweepboard.errors import ConfigError, NonFiniteLoss, RunFailed, UserError
from sweepboard.settings import SchedulerSettings
from sweepboard.training.attributes import Attributes, set_attributes
from sweepboard.training.meter import Meter
from sweepboard.training.optimizer_patches import fast_step
from sweepboard.training.precision import Precision
from sweepboard.training.schedules import Schedule
from sweepboard.training.tasks import Task, modules_of

MODEL = "model"
"""The prefix of attributes of the model in a checkpoint."""


class Learner:
    """A model with its loss, optimizer, schedule and precision.

    The model must already be on `device`, and the optimizer made from its parameters. `grad_clip` is the
    largest norm of the gradient over all parameters. `channels_last` stores convolution weights and image
    batches in that order. `compile` runs the forward pass through torch.compile; a string is its mode.
    `model` and the names in its state dict stay those of the plain module.

    Attributes: `step` (updates made), `lr` (the learning rate of the last update), `meter` (training loss and
    metrics since the last logging point). Gradients stay set until the next update.
    """

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        optimizer: Optimizer,
        scheduler: LRScheduler | None = None,
        *,
        scheduler_settings: SchedulerSettings | None = None,
        device: torch.device | None = None,
        precision: str = "fp32",
        grad_clip: float | None = None,
        channels_last: bool = True,
        compile: bool | str = False,
    ) -> None:
        self.device = device or torch.device("cpu")
        self.model, self.task, self.optimizer = model, task, optimizer
        self.schedule = Schedule(scheduler, scheduler_settings or SchedulerSettings())
        self.precision = Precision(precision, self.device)
        check_compiler(self.device, compile)
        if self.precision.scaler is not None and isinstance(optimizer, LBFGS):
            raise ConfigError("trainer.precision=fp16 does not go with LBFGS: use bf16 or another optimizer")
        self.grad_clip = grad_clip
        self.meter = Meter(task)
        self.step = 0
        self.lr: float | Tensor = optimizer.param_groups[0]["lr"]
        self._trace: list[tuple[int, float | Tensor]] = []
        self._parameters = list(model.parameters())
        # Only where there are convolutions: for others a transposed batch would cost a copy.
        self._channels_last = channels_last and any(p.ndim == 4 for p in self._parameters)
        if self._channels_last:
            model.to(memory_format=torch.channels_last)
        self.task_modules = modules_of(task)
        for module in self.task_modules:
            module.to(self.device)
        self._attributes = Attributes(self._changing)
        self._step = fast_step(optimizer)
        self._forward: Callable[[Tensor], Tensor] = _compiled(model, compile) if compile else model

    def autocast(self) -> AbstractContextManager[Any]:
        """Return a context manager for forward passes in the precision of the run."""
        return self.precision.autocast()

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs for a batch as float32, computed as in training (layout, precision, compile)."""
        if self._channels_last and inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        if self.precision.dtype is None:
            return self._forward(inputs)
        with self.precision.autocast():
            return self._forward(inputs).float()

    def update(self, batches: Sequence[Batch]) -> Tensor:
        """Make one optimizer update in which every sample of `batches` has the same weight.

        Return the mean loss, detached, without waiting for the device.
        """
        self.lr = self.optimizer.param_groups[0]["lr"]
        self.step += 1
        if isinstance(self.optimizer, LBFGS):
            loss = self._line_search(batches)
        else:
            loss = self._gradients(batches)
            self._apply()
        self.schedule.after("step", {})
        return loss

    def check(self) -> None:
        """Fetch losses from the device. Raise NonFiniteLoss for the first one that is not finite."""
        finite = self.meter.fetch().isfinite()
        trace, self._trace = self._trace, []
        if not finite.all():
            step, lr = trace[int(finite.logical_not().nonzero()[0])]
            raise NonFiniteLoss(step, float(lr))

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next update depends on, without random states and data.

        Raise NonFiniteLoss, so that no diverged state is saved.
        """
        self.check()
        scaler = self.precision.scaler
        return {
            "step": self.step,
            "lr": float(self.lr),
            **self.model_state(),
            "task": [module.state_dict() for module in self.task_modules],
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": scaler.state_dict() if scaler is not None else {},
            "meter": self.meter.state_dict(),
        }

    def model_state(self) -> dict[str, Any]:
        """Return the state dict of the model, and its attributes that training changed."""
        return {"model": self.model.state_dict(), "attributes": self._attributes.changed()}

    @property
    def _changing(self) -> dict[str, object]:
        """The objects that training may change, by their names in checkpoints."""
        loose = {} if isinstance(self.task, nn.Module) else {"task": self.task}
        modules = {f"task.{index}": module for index, module in enumerate(self.task_modules)}
        return {MODEL: self.model, **loose, **modules}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what `state_dict()` returned. Raise UserError for the state of another model."""
        try:
            self.model.load_state_dict(state["model"])
            self._load_task(state["task"])
            set_attributes(self._changing, state["attributes"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"the checkpoint does not fit this run: {reason}") from error
        self.schedule.load_state_dict(state["schedule"])
        if self.precision.scaler is not None and state["scaler"]:
            self.precision.scaler.load_state_dict(state["scaler"])
        self.meter.load_state_dict(state["meter"])
        self.step, self.lr = state["step"], state["lr"]

    def _load_task(self, states: Sequence[Mapping[str, Any]]) -> None:
        if len(states) != len(self.task_modules):
            raise ValueError("its task is another one")
        for module, state in zip(self.task_modules, states, strict=True):
            module.load_state_dict(state)

    def _gradients(self, batches: Sequence[Batch], measured: bool = True) -> Tensor:
        for parameter in self._parameters:  # what optimizer.zero_grad() does, without its bookkeeping
            parameter.grad = None
        if len(batches) == 1:
            loss = self._backward(*batches[0], share=1.0, measured=measured)
        else:
            samples = sum(len(targets) for _, targets in batches)
            shares = [len(targets) / samples for _, targets in batches]
            losses = [
                self._backward(*batch, share, measured) * share
                for batch, share in zip(batches, shares, strict=True)
            ]
            loss = torch.stack(losses).sum()
        if self.grad_clip is not None:
            if self.precision.scaler is not None:
                self.precision.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self._parameters, self.grad_clip)
        return loss

    def _backward(self, inputs: Tensor, targets: Tensor, share: float, measured: bool) -> Tensor:
        """Add the gradients of a batch, weighted by its share of the samples; return its mean loss."""
        try:
            outputs = self.forward(inputs)
        except ValueError as error:
            _explain_batch_norm(error)
            raise
        loss = self.task.loss(outputs, targets)
        weighted = loss if share == 1.0 else loss * share
        if self.precision.scaler is not None:
            weighted = self.precision.scaler.scale(weighted)
        weighted.backward()  # type: ignore[no-untyped-call]
        loss = loss.detach()
        if measured:
            self.meter.add(loss, outputs.detach(), targets)
            self._trace.append((self.step, self.lr))
        return loss

    def _apply(self) -> None:
        scaler = self.precision.scaler
        if scaler is None:
            self._step()
        else:
            scaler.step(self.optimizer)
            scaler.update()

    def _line_search(self, batches: Sequence[Batch]) -> Tensor:
        """Make an LBFGS update, which evaluates the loss several times; only the first one is measured."""
        evaluations = count()

        def closure() -> Any:
            return self._gradients(batches, measured=next(evaluations) == 0)

        return torch.as_tensor(self.optimizer.step(closure))


def check_compiler(device: torch.device, how: bool | str) -> None:
    """Raise ConfigError if torch.compile on the CPU is asked for and there is no C++ compiler."""
    if how and device.type == "cpu" and not any(map(shutil.which, ("g++", "c++", "clang++"))):
        told = f"trainer.compile={str(how).lower()} on the CPU needs a C++ compiler"
        raise ConfigError(f"{told}: install g++, or leave it out")


def _compiled(model: nn.Module, how: bool | str) -> Callable[[Tensor], Tensor]:
    mode = how if isinstance(how, str) else None
    forward = cast(Callable[[Tensor], Tensor], torch.compile(model, mode=mode))
    if mode is None:
        return forward

    def replayed(inputs: Tensor) -> Tensor:
        # A CUDA graph writes its outputs to the same memory at every replay: return a copy.
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        return forward(inputs).clone()

    return replayed


def _explain_batch_norm(error: ValueError) -> None:
    """Raise RunFailed, which says what to do, if batch norm refused a batch of one sample."""
    if "more than 1 value per channel" in str(error):
        raise RunFailed(
            "batch norm cannot train on one sample, and the last batch of an epoch has only one: "
            "use dataset.drop_last=true, or another dataset.batch_size"
        ) from error
