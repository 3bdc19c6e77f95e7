"""Numbers of optimizers that are checked together are refused as each is alone."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch

from sweepboard.building.number_variants import NumberVariants
from sweepboard.building.prepare import Prepared
from sweepboard.errors import ConfigError
from tests.preparing import Prepare

GAP = """
import torch

class Gap(torch.optim.SGD):
    def __init__(self, params, lr=0.1):
        if 0.2 < lr < 0.4:
            raise ValueError(f"no rate between 0.2 and 0.4, but {lr}")
        super().__init__(params, lr=lr)

class Net(torch.nn.Linear):
    def __init__(self):
        super().__init__(32, 10)
        self.scale = torch.nn.Parameter(torch.ones(1, 1, 1, 1))

    def forward(self, inputs):
        return super().forward(inputs.flatten(1)) * self.scale[0, 0]
"""
RUN = ("dataset=gaussian", "model=linear", "threads=1")
NUMBERS = (-1.0, -0.1, 0.0, 1e-9, 0.1, 0.25, 0.3, 0.5, 0.9, 0.99, 1.0, 1.5, 30.0, 1e308, -1, 0, 1, 2, 3, 4)


def arguments_of(kind: type[torch.optim.Optimizer]) -> list[str]:
    """The arguments of a class that are numbers."""
    parameters = inspect.signature(kind).parameters.values()
    return [each.name for each in parameters if type(each.default) in (int, float)]


def of_class(name: str) -> tuple[list[str], list[str]]:
    keys = arguments_of(getattr(torch.optim, name))
    numbers = ", ".join(f"{key}: 1.0" for key in keys)
    return [f"optimizer={{_target_: torch.optim.{name}, {numbers}}}"], [f"optimizer.{key}" for key in keys]


CLASSES = ("ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "SGD")
CASES = {
    **{name: of_class(name) for name in CLASSES},
    "nesterov": (
        ["optimizer=sgd", "optimizer.nesterov=true", "optimizer.dampening=0.0"],
        ["optimizer.momentum", "optimizer.dampening"],
    ),
    "several": (
        ["optimizer=muon", "optimizer.muon.eps=1.0"],
        ["optimizer.muon.lr", "optimizer.muon.eps", "optimizer.adamw.weight_decay"],
    ),
    "a schedule that follows": (["optimizer=sgd", "scheduler=onecycle"], ["optimizer.lr"]),
    "a schedule": (["scheduler=warmup_cosine"], ["scheduler.warmup_fraction", "optimizer.lr"]),
    "an own class": (["optimizer={_target_: gap.Gap, lr: 0.1}"], ["optimizer.lr"]),
    "equal rates": (
        ["optimizer=sgd", "optimizer.groups.a={params: '*bias', lr: 0.01}", "scheduler=onecycle"],
        ["optimizer.lr", "optimizer.groups.a.lr"],
    ),
    "a choice of parameters": (
        ["model={_target_: gap.Net}", "optimizer=muon", "optimizer.muon._target_=torch.optim.SGD",
         "optimizer.muon.ndim=1"],
        ["optimizer.muon.ndim", "optimizer.muon.lr"],
    ),
}  # fmt: skip
"""What is composed, and the keys whose numbers differ."""


@pytest.fixture(autouse=True)
def gap(module: Callable[[str, str], None]) -> None:
    module("gap", GAP)


def answer(variants: NumberVariants, numbers: dict[str, Any]) -> str:
    try:
        variants.prepare(numbers, ())
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", CASES)
def test_no_refusal_is_lost(name: str, prepare: Prepare) -> None:
    words, keys = CASES[name]
    prepared, draw = prepare(*RUN, *words), random.Random(name)
    together, answers = variants_of(prepared), []
    for _ in range(60):
        numbers = {key: draw.choice(NUMBERS) for key in draw.sample(keys, min(len(keys), 2))}
        answers.append(answer(together, numbers))
        assert answers[-1] == answer(variants_of(prepared), numbers)
    assert "" in answers
    assert len(set(answers)) > 1


def variants_of(prepared: Prepared) -> NumberVariants:
    found = NumberVariants.of_resolved(prepared)
    assert found is not None
    return found
