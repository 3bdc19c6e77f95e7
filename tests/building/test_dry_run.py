"""What a rehearsal finds out about models while they train, and about schedules at the end of the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sweepboard.building.build import build
from sweepboard.building.optimizer_check import _check_fused
from sweepboard.building.optimizer_nodes import OptimizerNode, optimizer_nodes
from sweepboard.errors import ConfigError
from tests.command import TINY, Command, record_of
from tests.preparing import Mistake, Prepare

NETS = """
from typing import NamedTuple
from torch import nn

class Outputs(NamedTuple):
    logits: object
    aux_logits: object

class Pair(nn.Linear):
    def forward(self, x):
        y = super().forward(x.flatten(1))
        return (y, x) if self.training else y

class Named(nn.Linear):
    def __init__(self, in_features, out_features, aux_logits=True):
        super().__init__(in_features, out_features)
        self.aux = aux_logits
    def forward(self, x):
        y = super().forward(x.flatten(1))
        return Outputs(y, y) if self.training and self.aux else y

class Words(nn.Linear):
    def forward(self, x):
        y = super().forward(x.flatten(1))
        return {"scores": y} if self.training else y

class Segments(nn.Linear):
    def forward(self, x):
        y = super().forward(x.flatten(1))
        return {"out": y, "aux": y} if self.training else {"out": y}

class Wide(nn.Linear):
    def forward(self, x):
        y = super().forward(x.flatten(1))
        return y.repeat(1, 2) if self.training else y
"""


def net(name: str, **more: object) -> str:
    return f"model={{_target_: nets.{name}, in_features: 32, out_features: 10}}"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Pair", "gives a tuple while it trains, but one tensor is needed: let its forward return the first"),
        ("Named", "gives a Outputs while it trains, but one tensor is needed: use model.aux_logits=false"),
        (
            "Words",
            "a dict while it trains, but one tensor is needed: let its forward return it alone, or as `l",
        ),
        (
            "Segments",
            "model: it has an auxiliary head, which no loss here would train: use model.aux_loss=false",
        ),
        ("Wide", "while it trains, gives for inputs of shape (batch, 32) outputs of shape (batch, 20)"),
    ],
)
def test_other_outputs_in_training_are_told(
    name: str, told: str, mistake: Mistake, module: Callable[[str, str], None]
) -> None:
    module("nets", NETS)
    assert told in mistake("dataset=gaussian", net(name))


def test_auxiliary_outputs_can_be_left_out(prepare: Prepare, module: Callable[[str, str], None]) -> None:
    module("nets", NETS)
    prepare("dataset=gaussian", net("Named"), "+model.aux_logits=false")


ONE_CYCLE = "scheduler={_target_: torch.optim.lr_scheduler.OneCycleLR, max_lr: 0.1, "


@pytest.mark.parametrize(
    ("scheduler", "interval"),
    [
        (ONE_CYCLE + "total_steps: 9}", "step"),
        (ONE_CYCLE + "epochs: 2, steps_per_epoch: 4}", "step"),
        (ONE_CYCLE + "total_steps: 1}", "epoch"),
    ],
)
def test_a_schedule_shorter_than_the_run_is_told_before_it(
    scheduler: str, interval: str, mistake: Mistake
) -> None:
    words = ["dataset=gaussian", "model=mlp", "trainer.epochs=2", "trainer.limit_train_batches=5", scheduler]
    told = mistake(*words, f"scheduler.interval={interval}")
    assert told.startswith("scheduler: OneCycleLR is shorter than the run, which steps it ")


def test_a_schedule_as_long_as_the_run_is_right(prepare: Prepare) -> None:
    words = ["dataset=gaussian", "model=mlp", "trainer.epochs=2", "trainer.limit_train_batches=5"]
    prepare(*words, ONE_CYCLE + "total_steps: 10}", "scheduler.interval=step")
    prepare(*words, ONE_CYCLE + "total_steps: 2}", "scheduler.interval=epoch")


def test_a_longer_resume_is_told_before_it(command: Command) -> None:
    schedule = ONE_CYCLE + "total_steps: 12}"
    command(
        "dataset=gaussian", *TINY[1:], "model=mlp", schedule, "scheduler.interval=step", "hydra.run.dir=run"
    )
    before = record_of(Path("run"))
    said = command("resume", "run", "trainer.epochs=4", code=2)
    assert "OneCycleLR is shorter than the run" in said.line
    assert record_of(Path("run")) == before


def test_a_rehearsal_in_training_leaves_nothing_behind(prepare: Prepare) -> None:
    """Batch statistics are those of the model that is thrown away; random states are as before."""
    state = torch.get_rng_state()
    prepare("model=cnn", "dataset=fashion_mini")
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("kind", "refused"),
    [(torch.complex64, True), (torch.complex128, True), (torch.float64, False), (torch.bfloat16, False)],
)
def test_fused_optimizers_are_not_for_complex_parameters(kind: torch.dtype, refused: bool) -> None:
    def node(fused: bool) -> OptimizerNode:
        return optimizer_nodes({"_target_": "torch.optim.Adam", "fused": fused})[0]

    model = torch.nn.Linear(2, 2, dtype=kind)
    _check_fused(node(False), model)
    if not refused:
        _check_fused(node(True), model)
        return
    with pytest.raises(ConfigError, match=r"optimizer\.fused=false$"):
        _check_fused(node(True), model)


def test_fused_optimizers_leave_untrained_whole_numbers_alone() -> None:
    model = torch.nn.Linear(2, 2)
    model.count = torch.nn.Parameter(torch.zeros((), dtype=torch.int32), requires_grad=False)
    _check_fused(optimizer_nodes({"_target_": "torch.optim.Adam", "fused": True})[0], model)


MORE = """
import torch
from torch import nn
import torch.nn.functional as F

class Frozen(nn.Linear):
    def __init__(self, in_features, out_features):
        super().__init__(in_features, out_features)
        self.requires_grad_(False)

class Head(nn.Sequential):
    def __init__(self, in_features, out_features):
        super().__init__(nn.Linear(in_features, 8), nn.Linear(8, out_features))
        self[0].requires_grad_(False)

class Constant(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.out_features = out_features
    def forward(self, x):
        return torch.zeros(len(x), self.out_features)

class Detached(nn.Linear):
    def forward(self, x):
        return super().forward(x.flatten(1)).detach()

class NoGrad(nn.Linear):
    @torch.no_grad()
    def forward(self, x):
        return super().forward(x.flatten(1))

class Normed(nn.Sequential):
    def __init__(self, in_features, out_features):
        super().__init__(nn.Linear(in_features, 8), nn.BatchNorm1d(8), nn.Linear(8, out_features))

class Error(nn.Module):
    def forward(self, outputs, targets):
        return outputs.argmax(1).ne(targets).float().mean()

class Item(nn.Module):
    def forward(self, outputs, targets):
        return torch.tensor(F.cross_entropy(outputs, targets).item())

class Summed(nn.Module):
    def forward(self, outputs, targets):
        return 0.1 * F.cross_entropy(outputs, targets, reduction="none").sum()

class Centers(nn.Module):
    def __init__(self, fixed=False):
        super().__init__()
        self.centers = nn.Parameter(torch.zeros(10), requires_grad=not fixed)
    def forward(self, outputs, targets):
        return F.cross_entropy(outputs + self.centers, targets)
"""


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Frozen", "model: more.Frozen has no weights to train: all are frozen; let one at least have"),
        ("Constant", "model: more.Constant has no weights to train: it has no parameters"),
        ("Detached", "model: more.Detached gives outputs without a gradient"),
        ("NoGrad", "model: more.NoGrad gives outputs without a gradient"),
    ],
)
def test_models_that_cannot_learn_are_told(
    name: str, told: str, mistake: Mistake, module: Callable[[str, str], None]
) -> None:
    module("more", MORE)
    said = mistake("dataset=gaussian", net(name).replace("nets", "more"))
    assert said.startswith(told)


def test_a_model_that_is_frozen_in_part_learns(prepare: Prepare, module: Callable[[str, str], None]) -> None:
    module("more", MORE)
    prepare("dataset=gaussian", net("Head").replace("nets", "more"))


@pytest.mark.parametrize("words", [["model=mlp", "model.batch_norm=true"], ["model=normed"]])
def test_batch_norm_with_batches_of_one_is_told(
    words: list[str], mistake: Mistake, module: Callable[[str, str], None]
) -> None:
    module("more", MORE)
    words = [net("Normed").replace("nets", "more") if word == "model=normed" else word for word in words]
    said = mistake("dataset=gaussian", *words, "dataset.batch_size=1")
    assert said == (
        "dataset.batch_size=1: batch norm cannot train on one sample; use 2 or more, or a model without "
        "batch norm"
    )


ONE_LEFT = ["dataset=gaussian", "dataset.samples=641", "dataset.val_fraction=0", "dataset.batch_size=64"]


def test_batch_norm_with_a_last_batch_of_one_is_told(mistake: Mistake) -> None:
    assert mistake(*ONE_LEFT, "model=mlp", "model.batch_norm=true") == (
        "dataset.batch_size=64: the last batch of 641 samples has one: batch norm cannot train on one "
        "sample; use dataset.drop_last=true, another size, or a model without batch norm"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["dataset.drop_last=true"],
        ["trainer.limit_train_batches=10"],
        ["trainer.steps=10"],
        ["dataset.samples=642"],
        ["model.batch_norm=false"],
    ],
)
def test_a_last_batch_of_one_that_is_not_trained_on_is_right(words: list[str], prepare: Prepare) -> None:
    prepare(*ONE_LEFT, "model=mlp", "model.batch_norm=true", *words)


def test_batches_of_one_without_batch_norm_are_right(prepare: Prepare) -> None:
    prepare("dataset=gaussian", "model=mlp", "model.batch_norm=false", "dataset.batch_size=1")
    prepare("dataset=fashion_mini", "model=cnn", "dataset.batch_size=1")  # many values per channel


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        ("{_target_: more.Error}", "gives a loss without a gradient"),
        ("{_target_: more.Item}", "gives a loss without a gradient"),
        ("{_target_: more.Summed}", "doubles where the batch is doubled"),
        ("{_target_: torch.nn.CrossEntropyLoss, reduction: sum}", "use the mean (reduction=mean)"),
    ],
)
def test_losses_that_cannot_be_trained_on_are_told(
    loss: str, told: str, mistake: Mistake, module: Callable[[str, str], None]
) -> None:
    module("more", MORE)
    said = mistake("dataset=gaussian", "model=mlp", f"task={loss}")
    assert said.startswith("task: ")
    assert told in said
    assert told in mistake("dataset=gaussian", "model=mlp", f"+task.loss={loss}")


@pytest.mark.parametrize("loss", ["torch.nn.MSELoss", "torch.nn.L1Loss", "torch.nn.SmoothL1Loss"])
def test_sums_of_real_numbers_are_told(loss: str, mistake: Mistake, prepare: Prepare) -> None:
    words = ["dataset=line", "model=mlp"]
    assert "doubles" in mistake(*words, f"task={{_target_: {loss}, reduction: sum}}")
    prepare(*words, f"task={{_target_: {loss}}}")


@pytest.mark.parametrize("fixed", [False, True])
def test_weights_of_a_loss_that_no_optimizer_trains_are_told(
    fixed: bool, prepare: Prepare, module: Callable[[str, str], None], caplog: pytest.LogCaptureFixture
) -> None:
    module("more", MORE)
    build(prepare("dataset=gaussian", "model=mlp", f"task={{_target_: more.Centers, fixed: {fixed}}}"))
    told = "task: more.Centers has weights of its own (centers), which no optimizer trains"
    assert (told in caplog.text) is not fixed
