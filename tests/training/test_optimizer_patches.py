"""An optimizer's step without its wrappers is the same step."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR

from sweepboard.training.optimizer_patches import plain_step

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
    step = plain_step(first)
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
        pass

    optimizer = Mine(nn.Linear(2, 2).parameters(), lr=0.1)
    assert plain_step(optimizer) == optimizer.step


def test_the_compiler_is_not_imported_to_train(tmp_path: Path) -> None:
    code = (
        "import sys; from sweepboard.cli import main;"
        "assert main(['model=linear', 'trainer.steps=2', 'scheduler=cosine']) == 0;"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, cwd=tmp_path)
