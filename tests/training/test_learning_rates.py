"""Learning rates by their tags."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from sweepboard.training.learning_rates import LearningRates


def sgd(*groups: dict[str, Any], lr: Any = 0.1) -> torch.optim.Optimizer:
    return torch.optim.SGD([{"params": [nn.Parameter(torch.zeros(1))], **each} for each in groups], lr=lr)


def test_one_optimizer() -> None:
    assert LearningRates({"optimizer": sgd({})}).now() == {"lr": 0.1}
    named = sgd({}, {"name": "head", "lr": 1.0}, {"name": "head", "lr": 1.0, "weight_decay": 0.0})
    assert LearningRates({"optimizer": named}).now() == {"lr": 0.1, "lr/head": 1.0}
    unnamed = sgd({}, {"weight_decay": 0.1}, {"lr": 2.0})
    assert LearningRates({"optimizer": unnamed}).now() == {"lr": 0.1, "lr/2": 2.0}


def test_several_optimizers() -> None:
    rates = LearningRates({"generator": sgd({}, {"name": "head", "lr": 1.0}), "critic": sgd({}, lr=0.5)})
    assert rates.now() == {"lr/generator": 0.1, "lr/generator/head": 1.0, "lr/critic": 0.5}


def test_a_tensor_is_as_it_was() -> None:
    optimizer = sgd({}, lr=torch.tensor(0.5))
    rates = LearningRates({"optimizer": optimizer})
    before = rates.now()
    optimizer.param_groups[0]["lr"].fill_(0.25)
    assert (float(before["lr"]), float(rates.now()["lr"])) == (0.5, 0.25)


def test_none() -> None:
    class NoRate(torch.optim.Optimizer):
        def __init__(self, params: Any) -> None:
            super().__init__(params, {})

    assert LearningRates({"optimizer": NoRate([nn.Parameter(torch.zeros(1))])}).now() == {}
