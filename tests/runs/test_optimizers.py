"""Groups, several optimizers and schedules as a user runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweepboard import load_runs
from tests.command import TINY, Command
from tests.runs.process import curves

GAN = """
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from sweepboard import Task


class Pair(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.generator = nn.Linear(4, features)
        self.critic = nn.Sequential(nn.Linear(features, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, noise):
        return self.critic(self.generator(noise))


class Adversarial(Task):
    def updates(self, model, batch):
        real = batch[0].flatten(1)
        fake = model.generator(torch.randn(len(real), 4))
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        yield "critic", bce(model.critic(real), ones) + bce(model.critic(fake.detach()), zeros)
        yield "generator", bce(model.critic(fake), ones)

    def evaluation_step(self, model, batch):
        return bce(model(torch.zeros(len(batch[0]), 4)), torch.ones(len(batch[0]), 1))
"""
ADAM = "_target_: torch.optim.Adam"
WORDS = [
    "dataset=gaussian",
    "model={_target_: gan.Pair, features: 32}",
    "task={_target_: gan.Adversarial}",
    "optimizer=null",
    f"optimizer={{generator: {{{ADAM}, lr: 0.001}}, critic: {{{ADAM}, lr: 0.004, betas: [0.5, 0.9]}}}}",
    "scheduler.critic={_target_: torch.optim.lr_scheduler.StepLR, step_size: 1, gamma: 0.5, interval: epoch}",
]
RUN = [*TINY[1:], *WORDS]


@pytest.fixture(autouse=True)
def gan(monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    Path("gan.py").write_text(GAN)


def test_a_gan_with_a_schedule_for_one(command: Command) -> None:
    command(*RUN, "hydra.run.dir=run")
    found = curves(Path("run"))
    assert [rate for _, rate in found["train/lr/generator"]] == pytest.approx([0.001] * 6)
    assert [rate for _, rate in found["train/lr/critic"]] == pytest.approx([0.004] * 3 + [0.002] * 3)
    assert {"train/generator_loss", "train/critic_loss"} <= found.keys()
    assert "identical" in command("verify", "run").out


def test_one_that_is_not_named_is_told_before_a_folder_is_made(command: Command) -> None:
    judge = f"optimizer={{generator: {{{ADAM}}}, judge: {{{ADAM}, params: critic}}}}"
    said = command(*TINY[1:], *WORDS[:4], judge, code=2).line
    assert said.startswith("sweepboard: task: Adversarial.updates names the optimizer critic")
    assert not Path("outputs").exists()


def test_another_group_is_refused_of_a_resume(command: Command) -> None:
    run = [*TINY, "model=mlp", "optimizer.groups.layers={params: '*.1.weight', lr: 0.01}"]
    command(*run, "hydra.run.dir=run")
    said = command("resume", "run", "trainer.epochs=3", "optimizer.groups.layers.lr=0.02", code=2).line
    assert "optimizer.groups.layers.lr" in said
    said = command(
        "resume", "run", "trainer.epochs=3", "optimizer.groups.more={params: '*bias', lr: 1}", code=2
    ).line
    assert "optimizer.groups.more" in said
    command("resume", "run", "trainer.epochs=3")
    rates = [rate for _, rate in curves(Path("run"))["train/lr/layers"]]
    assert rates == pytest.approx([0.01] * len(rates))


SECOND_ORDER = """
import torch

class Curvature(torch.optim.Optimizer):
    def __init__(self, params, lr=0.1, begin=1):
        super().__init__(params, {"lr": lr, "begin": begin, "steps": 0})

    @torch.no_grad()
    def step(self, closure=None):
        group = self.param_groups[0]
        group["steps"] += 1
        weights = [one for one in group["params"] if one.grad is not None]
        curvatures = [torch.zeros_like(one) for one in weights]
        if group["steps"] >= group["begin"]:
            noise = [torch.randn_like(one) for one in weights]
            with torch.enable_grad():
                products = torch.autograd.grad([one.grad for one in weights], weights, grad_outputs=noise)
            curvatures = [(one * each).abs() for one, each in zip(products, noise)]
        for one, curvature in zip(weights, curvatures):
            one.add_(one.grad / (curvature + 1), alpha=-group["lr"])
"""


def test_one_that_differentiates_the_gradients_again(command: Command) -> None:
    Path("own.py").write_text(SECOND_ORDER)
    words = [*TINY, "model=mlp", "dataset=gaussian", "optimizer._target_=own.Curvature"]
    said = command(*words, "hydra.run.dir=run", "trainer.accumulate=2", "trainer.grad_clip=1.0")
    assert "Warning" not in said.err
    assert "identical" in command("verify", "run").out
    later = [*words, "optimizer.begin=2"]
    assert "does not require grad" in command(*later, code=1).err
    command(*later, "optimizer.create_graph=true")


@pytest.mark.parametrize(("word", "instead"), [("compile=true", "compile=false"), ("devices=2", "devices=1")])
def test_compiled_gradients_and_those_of_several_ranks_have_no_graph(
    word: str, instead: str, command: Command
) -> None:
    Path("own.py").write_text(SECOND_ORDER)
    words = [*TINY, "model=mlp", "optimizer._target_=own.Curvature", f"trainer.{word}"]
    assert command(*words, code=2).line == (
        f"sweepboard: trainer.{word.partition('=')[0]}: own.Curvature differentiates the gradients again, "
        f"which does not go with it; type trainer.{instead}"
    )


@pytest.mark.slow
def test_groups_are_swept(command: Command) -> None:
    words = ["-m", *TINY, "model=mlp", "sweep.name=groups", "sweep.jobs=1"]
    command(*words, "optimizer.groups.layers.lr_scale=1.0,0.1")
    key = "optimizer.groups.layers.lr_scale"
    runs = load_runs("outputs/sweeps/groups")
    assert {run.name: run.hparams[key] for run in runs} == {"lr_scale=1.0": 1.0, "lr_scale=0.1": 0.1}
