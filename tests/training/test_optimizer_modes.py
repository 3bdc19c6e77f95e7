"""Schedule-free optimizers: evaluations see the averaged weights, and leave no trace in the training."""

from __future__ import annotations

import torch
from torch import nn

from sweepboard.training.optimizer_modes import begin_training, evaluation_weights
from tests.training.odd_optimizers import ScheduleFreeSGD


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
