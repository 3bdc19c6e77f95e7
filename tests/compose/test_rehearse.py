"""What a rehearsal finds out about models while they train, and about schedules at the end of the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sweepboard.compose.rehearse import _check_fused
from sweepboard.errors import ConfigError
from tests.command import TINY, Command, record_of
from tests.compose.conftest import Mistake, Prepare

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
        return {"logits": y} if self.training else y

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
        ("Words", "gives a dict while it trains, but one tensor is needed: let its forward return the first"),
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
    model = torch.nn.Linear(2, 2, dtype=kind)
    _check_fused({"fused": False}, model)
    if not refused:
        _check_fused({"fused": True}, model)
        return
    with pytest.raises(ConfigError, match=r"optimizer\.fused=false$"):
        _check_fused({"fused": True}, model)
