"""Schedule-free optimizers: evaluations see the averaged weights, and leave no trace in the training."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from sweepboard.training.optimizer_modes import begin_training, evaluation_weights


class ScheduleFreeSGD(torch.optim.Optimizer):
    """Defazio et al. 2024, in short: trains y, evaluates the average x, and keeps z."""

    def __init__(self, params: Any, lr: float = 0.1, beta: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "beta": beta, "training": False, "steps": 0})

    def _move(self, training: bool) -> None:
        for group in self.param_groups:
            if group["training"] is not training:
                for one in group["params"]:
                    z = self.state[one].get("z", one.detach().clone())
                    weight = 1 - group["beta"] if training else 1 - 1 / group["beta"]
                    one.data.lerp_(z, weight)
                group["training"] = training

    def train(self) -> None:
        self._move(True)

    def eval(self) -> None:
        self._move(False)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        assert all(group["training"] for group in self.param_groups), "train() was not called"
        for group in self.param_groups:
            group["steps"] += 1
            for one in (one for one in group["params"] if one.grad is not None):
                z = self.state[one].setdefault("z", one.detach().clone())
                one.lerp_(z, 1 / group["steps"])
                one.add_(one.grad, alpha=group["lr"] * (group["beta"] * (1 - 1 / group["steps"]) - 1))
                z.sub_(one.grad, alpha=group["lr"])


def test_an_evaluation_sees_other_weights_and_puts_them_back() -> None:
    model = nn.Linear(4, 2)
    optimizer = ScheduleFreeSGD(model.parameters())
    begin_training([optimizer])
    for _ in range(5):
        optimizer.zero_grad()
        model(torch.randn(8, 4)).square().mean().backward()
        optimizer.step()
    before = model.weight.detach().clone()
    with evaluation_weights([optimizer]):
        assert not torch.equal(model.weight, before)
    assert torch.equal(model.weight, before)
    assert optimizer.param_groups[0]["training"]


def test_others_have_no_modes() -> None:
    model = nn.Linear(4, 2)
    with evaluation_weights([torch.optim.SGD(model.parameters())]):
        pass
