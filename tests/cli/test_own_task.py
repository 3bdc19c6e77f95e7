"""A stranger's task and data set of dictionaries: trained, resumed, exported, and refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sweepboard.board.scalar_reader import read_scalars
from tests.command import Command

OWN = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Dataset

from sweepboard import Task
from sweepboard.tasks import Step


class Pictures(Dataset):
    def __len__(self):
        return 60

    def __getitem__(self, index):
        image = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(index))
        return {"image": image, "label": int(image.mean() > 0.5)}


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(64, 4), nn.Linear(2, 64)

    def forward(self, image):
        mean, log_variance = self.encoder(image.flatten(1)).chunk(2, 1)
        code = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        return self.decoder(code).sigmoid().view_as(image), mean, log_variance


class Elbo(Task):
    def training_step(self, model, batch):
        output, mean, log_variance = model(batch["image"])
        rebuilt = F.binary_cross_entropy(output, batch["image"], reduction="none").flatten(1).sum(1).mean()
        kl = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1).mean()
        image = batch["image"]
        return Step(rebuilt + kl, values={"kl": kl}, inputs=image, outputs=output, targets=image)


class NoGradient(Task):
    def training_step(self, model, batch):
        return model(batch["image"])[0].detach().mean()


class WrongKey(Task):
    def training_step(self, model, batch):
        return model(batch["picture"])[0].mean()


class PerSample(Task):
    def training_step(self, model, batch):
        return model(batch["image"])[0].flatten(1).mean(1)


class Named(Task):
    def updates(self, model, batch):
        yield "critic", model(batch["image"])[0].mean()
"""
RUN = ["model._target_=own.Vae", "dataset._target_=own.Pictures", "trainer.epochs=2", "threads=1"]


@pytest.fixture(autouse=True)
def own_parts(command: Command) -> None:
    Path("own.py").write_text(OWN)


def test_it_is_trained_resumed_verified_swept_and_exported(command: Command) -> None:
    command(*RUN, "task._target_=own.Elbo", "logging=full", "logging.profile=0", "hydra.run.dir=run")
    scalars = read_scalars(Path("run"))
    assert {"train/kl", "val/kl", "val_best/loss"} <= scalars.keys()
    assert "identical" in command("verify", "run").out
    command("resume", "run", "trainer.epochs=3")
    command("export", "run", "--format", "torch_export", "--output", "vae.pt2")
    outputs = torch.export.load("vae.pt2").module()(torch.rand(3, 1, 8, 8))
    assert outputs[0].shape == (3, 1, 8, 8)
    swept = command("-m", *RUN, "task._target_=own.Elbo", "optimizer.lr=0.1,0.01")
    assert "2 finished" in swept.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["task._target_=own.NoGradient"],
            "gives a loss without a gradient, so that",
        ),
        (
            ["task._target_=own.WrongKey"],
            "with the keys image, label: KeyError: 'picture' (own.py, line",
        ),
        (["task._target_=own.PerSample"], "must give one number for a batch, not one per sample"),
        (["task._target_=own.Named"], "Named.updates names the optimizer critic"),
        (["task=classification"], "a batch here is a dict with the keys image, label: use a task"),
        (
            ["task._target_=own.Elbo", "trainer.checkpoint.metric=k"],
            "there is no such metric; did you mean",
        ),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(command: Command, words: list[str], told: str) -> None:
    line = command(*RUN, *words, "hydra.run.dir=run", code=2).line
    assert told in line
    assert not Path("run").exists()
