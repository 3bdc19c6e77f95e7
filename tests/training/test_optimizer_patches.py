"""An optimizer's step without its wrappers is the same step."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from types import MethodType
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from sweepboard.settings import SchedulerSettings
from sweepboard.training.callback import Callback
from sweepboard.training.learner import Learner
from sweepboard.training.optimizer_patches import fast_step
from sweepboard.training.progress import Progress
from sweepboard.training.schedules import Schedule, Schedules
from sweepboard.training.tasks import Regression
from tests.board.tiny import VECTORS, tiny_run

OPTIMIZERS: list[tuple[type[torch.optim.Optimizer], dict[str, Any]]] = [
    (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "fused": True}),
    (torch.optim.Adam, {"lr": 0.1, "fused": True}),
    (torch.optim.AdamW, {"lr": 0.1}),
    (torch.optim.RMSprop, {"lr": 0.1}),
    (torch.optim.Adagrad, {"lr": 0.1}),
]


@pytest.mark.parametrize(("cls", "arguments"), OPTIMIZERS, ids=[cls.__name__ for cls, _ in OPTIMIZERS])
def test_the_same_weights_bit_for_bit(cls: type[torch.optim.Optimizer], arguments: dict[str, Any]) -> None:
    torch.manual_seed(0)
    ours = nn.Linear(5, 3)
    theirs = deepcopy(ours)
    first, second = cls(ours.parameters(), **arguments), cls(theirs.parameters(), **arguments)
    step = fast_step(first)
    schedule = StepLR(first, step_size=2, gamma=0.5)
    other = StepLR(second, step_size=2, gamma=0.5)
    for _ in range(5):
        inputs = torch.randn(4, 5)
        for model, optimizer, make in ((ours, first, step), (theirs, second, second.step)):
            optimizer.zero_grad()
            model(inputs).square().sum().backward()
            make()
        schedule.step()
        other.step()
    for one, two in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, two)


def test_an_optimizer_of_someone_else_keeps_its_own_step() -> None:
    class Mine(torch.optim.SGD):
        calls = 0

        def step(self, closure: Any = None) -> Any:
            self.calls += 1
            return super().step(closure)

    optimizer = Mine(nn.Linear(2, 2).parameters(), lr=0.1)
    fast_step(optimizer)()
    assert optimizer.calls == 1


def an_update(learner: Learner) -> None:
    learner.update([(torch.randn(4, 5), torch.randn(4, 3))])


def scheduled(scheduler: StepLR) -> Schedules:
    return Schedules({"optimizer": Schedule(scheduler, SchedulerSettings())})


def made(cls: type[torch.optim.Optimizer] = torch.optim.SGD, **arguments: Any) -> Learner:
    torch.manual_seed(0)
    model = nn.Linear(5, 3)
    optimizer = cls(model.parameters(), **{"lr": 0.1, **arguments})
    return Learner(model, Regression(), optimizer, scheduled(StepLR(optimizer, 1, 0.5)))


class Counted:
    """A hook that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        self.calls += 1


ALL: list[tuple[type[torch.optim.Optimizer], dict[str, Any]]] = [*OPTIMIZERS, (torch.optim.LBFGS, {})]


@pytest.mark.parametrize(("cls", "arguments"), ALL)
def test_hooks_run_whenever_they_are_registered(
    cls: type[torch.optim.Optimizer], arguments: dict[str, Any]
) -> None:
    hooks = [Counted() for _ in range(4)]
    learner = made(cls, **arguments)
    an_update(learner)
    handles = [
        learner.optimizer.register_step_pre_hook(hooks[0]),
        learner.optimizer.register_step_post_hook(hooks[1]),
        register_optimizer_step_pre_hook(hooks[2]),
        register_optimizer_step_post_hook(hooks[3]),
    ]
    an_update(learner)
    an_update(learner)
    for handle in handles:
        handle.remove()
    an_update(learner)
    assert [hook.calls for hook in hooks] == [2, 2, 2, 2]
    assert learner.optimizer.param_groups[0]["lr"] == pytest.approx(0.1 / 16)


@pytest.mark.parametrize("register", ["register_step_pre_hook", "register_step_post_hook"])
def test_a_single_hook_of_either_kind_runs(register: str) -> None:
    learner, hook = made(), Counted()
    getattr(learner.optimizer, register)(hook)
    an_update(learner)
    assert hook.calls == 1


def test_a_hook_sees_and_changes_gradients_before_and_weights_after_the_step() -> None:
    learner, seen = made(), []

    def halve(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        for parameter in learner.model.parameters():
            assert parameter.grad is not None
            parameter.grad /= 2

    before = learner.model.state_dict()["weight"].clone()
    learner.optimizer.register_step_pre_hook(halve)
    learner.optimizer.register_step_post_hook(lambda *_: seen.append(learner.model.weight.detach().clone()))  # type: ignore[operator]
    an_update(learner)
    gradient = learner.model.weight.grad
    assert torch.allclose(seen[0], before - 0.1 * gradient)  # type: ignore[operator]


def test_hooks_run_where_the_loss_is_scaled() -> None:
    """As fp16 does on a GPU."""
    learner, hooks = made(), (Counted(), Counted())
    learner.precision.scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    learner.optimizer.register_step_pre_hook(hooks[0])
    register = register_optimizer_step_post_hook(hooks[1])
    an_update(learner)
    register.remove()
    assert [hook.calls for hook in hooks] == [1, 1]


@pytest.mark.filterwarnings("ignore:Seems like:UserWarning")
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_step_that_is_replaced_on_the_optimizer_is_called(when: str) -> None:
    """Before the scheduler wraps it, or at any later time. torch itself warns of the latter."""
    calls: list[int] = []
    model = nn.Linear(5, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def replaced(self: torch.optim.Optimizer, closure: Any = None) -> Any:
        calls.append(1)
        return torch.optim.SGD.step(optimizer, closure)

    if when == "before":
        optimizer.step = MethodType(replaced, optimizer)  # type: ignore[method-assign]
    learner = Learner(model, Regression(), optimizer, scheduled(StepLR(optimizer, 1, 0.5)))
    if when == "after":
        optimizer.step = MethodType(replaced, optimizer)  # type: ignore[method-assign]
    an_update(learner)
    assert calls == [1]


def test_hooks_of_a_callback_and_of_a_model_run_in_a_run() -> None:
    """Registered in `on_start`, and by the constructor of a model for every optimizer."""
    hooks, handles = (Counted(), Counted()), []

    class Hooking(Callback):
        def on_start(self, progress: Progress) -> None:
            handles.append(progress.learner.optimizer.register_step_post_hook(hooks[0]))

        def finish(self, status: str) -> None:
            for handle in handles:
                handle.remove()

    class Model(nn.Linear):
        def __init__(self) -> None:
            super().__init__(6, 3)
            handles.append(register_optimizer_step_pre_hook(hooks[1]))

    assert tiny_run([Hooking()], VECTORS, Model()).step == 15
    assert [hook.calls for hook in hooks] == [15, 15]


def test_the_compiler_is_not_imported_to_train(tmp_path: Path) -> None:
    code = (
        "import sys; from sweepboard.cli import main;"
        "assert main(['model=linear', 'trainer.steps=2', 'scheduler=cosine']) == 0;"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, cwd=tmp_path)
