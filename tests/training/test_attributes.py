"""What a model or a loss keeps outside of parameters and persistent buffers survives a stop like these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sweepboard.data.types import DataSpec
from sweepboard.errors import UserError
from sweepboard.settings import TrainerSettings
from sweepboard.training.attributes import Attributes, set_attributes
from sweepboard.training.checkpoint import Checkpoints, weights_sha256
from sweepboard.training.learner import Learner
from sweepboard.training.loop import fit
from sweepboard.training.tasks import Classification, as_task
from tests.training.conftest import World

SPEC = DataSpec((6,), 4)


class Counting(nn.Linear):
    """Every update counts, in one of the places where people keep such a count."""

    cache: Tensor

    def __init__(self, where: str) -> None:
        super().__init__(6, 4)
        self.where = where
        self.updates = 0
        self.kept = {"scales": [1.0, 1.0]}
        self.loose = torch.zeros(())
        self.register_buffer("cache", torch.zeros(()), persistent=False)
        self.features: Tensor | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        self.features = super().forward(inputs)
        if self.training:
            self._count()
        return torch.mul(self.features, self._factor())

    def _count(self) -> None:
        self.updates += self.where == "number"
        self.kept["scales"][1] += self.where == "container"
        if self.where == "tensor":
            self.loose += 1
        if self.where == "buffer":
            self.cache = self.cache + 1
        if self.where == "frozen":
            self.weight.requires_grad_(False)

    def _factor(self) -> Tensor:
        return torch.add(1, self.loose + self.cache + self.updates + self.kept["scales"][1], alpha=0.1)


class Centred(nn.Module):
    """A loss with a running mean, and a task around it that anneals."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.ones(4))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if self.training:
            self.mean = 0.9 * self.mean + outputs.detach().softmax(1).mean(0)
        return nn.functional.cross_entropy(outputs - self.mean.log(), targets)


class Annealed(Classification):
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if outputs.requires_grad:
            self.label_smoothing = min(0.5, self.label_smoothing + 0.05)
        return super().loss(outputs, targets)


class Decaying(torch.optim.SGD):
    """Its steps become smaller by a count of its own."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, lr=lr)
        self.t, self.slow, self.seen = 0, torch.zeros(()), {"steps": [1.0]}

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        self.t += 1
        self.slow += 0.1
        self.seen["steps"].append(float(self.t))
        for group in self.param_groups:
            group["lr"] = 0.1 / (self.t + float(self.slow) + len(self.seen["steps"]))
        super().step(closure)


def learner(where: str) -> Learner:
    torch.manual_seed(0)
    model = Counting(where)
    loss = {"loss": Centred, "task": Annealed}.get(where, nn.CrossEntropyLoss)()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    optimizer = Decaying(model.parameters(), lr=0.1) if where == "optimizer" else sgd
    return Learner(model, as_task(loss, SPEC), optimizer)


PLACES = ["number", "container", "tensor", "buffer", "frozen", "loss", "task", "optimizer"]


@pytest.mark.parametrize("where", PLACES)
def test_a_resumed_run_goes_on_with_it(where: str, world: World, tmp_path: Path) -> None:
    def attempt(steps: int, **more: Any) -> tuple[str, dict[int, float]]:
        mine, journal = learner(where), world.journal()
        fit(mine, world.data(), TrainerSettings(steps=steps), callbacks={"journal": journal}, **more)
        return weights_sha256(mine.model), journal.tags("val/loss")

    digest, losses = attempt(18)
    attempt(9, checkpoints=Checkpoints(tmp_path))
    resumed, rest = attempt(18, resume=Checkpoints(tmp_path).load(18))
    assert resumed == digest
    assert rest[18] == losses[18]


def test_the_loss_is_evaluated_and_not_trained_by_a_validation(world: World) -> None:
    def mean(every: int | None) -> Tensor:
        mine = learner("loss")
        fit(mine, world.data(), TrainerSettings(steps=9, val_every_epochs=None, val_every_steps=every))
        return next(iter(mine.task_modules[0].buffers()))

    assert torch.equal(mean(1), mean(None))


def test_what_a_forward_pass_leaves_behind_is_not_kept() -> None:
    model = Counting("number")
    attributes = Attributes({"model": model})
    model(torch.ones(2, 6))
    assert attributes.changed() == {"model": {"updates": 1}}
    with torch.inference_mode():
        model.eval()(torch.ones(2, 6))
    assert attributes.changed() == {"model": {"updates": 1, "training": False}}


@pytest.mark.parametrize("key", ["forward", "_parameters", "__class__"])
def test_nothing_but_data_is_set(key: str) -> None:
    with pytest.raises(TypeError):
        set_attributes({"model": nn.ReLU()}, {"model": {key: 5}})


def test_a_state_of_another_loss_is_told(world: World, tmp_path: Path) -> None:
    fit(learner("loss"), world.data(), TrainerSettings(steps=2), checkpoints=Checkpoints(tmp_path))
    state = Checkpoints(tmp_path).load()
    with pytest.raises(UserError, match="does not fit this run: its task is another one"):
        fit(learner("task"), world.data(), TrainerSettings(steps=2), resume=state)
