"""What the rows of tasks train, the same for all arms: a language model of bytes, a GAN, and a table."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from benchmarks.baselines.tokens import VOCABULARY
from sweepboard import Callback
from sweepboard.tasks import Step, Task

BLOCK = 64
LATENT, PIXELS = 32, 784
COLUMNS, CLASSES = 20, 2
WIDE = 4096

SIDE = 224
"""Of pictures, in pixels."""


def table(count: int = 64_000) -> TensorDataset:
    """Rows of a table with their classes. What stands in them changes no time."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(count, COLUMNS, generator=generator)
    return TensorDataset(rows, torch.randint(CLASSES, (count,), generator=generator))


def tabular_model() -> nn.Module:
    """Three dense layers over the columns."""
    return nn.Sequential(
        *(nn.Linear(COLUMNS, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()), nn.Linear(64, CLASSES)
    )


class OneSecond(Callback):
    """A job that takes a second, in which it leaves the machine alone."""

    writes_only = True

    def on_start(self, _: Any) -> None:
        time.sleep(1.0)


class ByteModel(nn.Module):
    """A small transformer that sees what came before."""

    def __init__(self, width: int = 96, layers: int = 2) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, width)
        self.places = nn.Embedding(BLOCK, width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 4 * width, 0.0, batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.head = nn.Linear(width, VOCABULARY)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(BLOCK))

    def forward(self, ids: Tensor) -> Tensor:
        hidden = self.embed(ids) + self.places.weight[: ids.shape[1]]
        for layer in self.layers:
            hidden = layer(hidden, src_mask=self.mask, is_causal=True)
        logits: Tensor = self.head(hidden)
        return logits


def next_byte_loss(model: Any, ids: Tensor, following: Tensor) -> Tensor:
    return F.cross_entropy(model(ids).flatten(0, 1), following.flatten())


class NextByte(Task):
    """The language model's task, with its perplexity in bits on the board."""

    def training_step(self, model: Any, batch: Any) -> Step:
        loss = next_byte_loss(model, *batch)
        return Step(loss, values={"bits": loss.detach() / 0.6931})


def vectors(count: int = 960) -> TensorDataset:
    """Vectors to be turned into others. What stands in them changes no time."""
    generator = torch.Generator().manual_seed(0)
    return TensorDataset(*(torch.randn(count, WIDE, generator=generator) for _ in range(2)))


def gigabyte_model() -> nn.Module:
    """84 million weights: with the moments of Adam the state is a gigabyte."""
    return nn.Sequential(*(nn.Linear(WIDE, WIDE) for _ in range(5)))


class Glance(nn.Module):
    """A small network on pictures, quick beside their decoding: means of squares, two layers."""

    def __init__(self, classes: int = 10, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3 * 16 * 16, width), nn.ReLU(), nn.Linear(width, classes))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(F.avg_pool2d(images, SIDE // 16).flatten(1))
        return logits


class Gan(nn.Module):
    """A generator and a critic of dense layers."""

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        self.generator = _dense(LATENT, width, PIXELS)
        self.critic = _dense(PIXELS, width, 1)

    def draw(self, count: int) -> Tensor:
        drawn: Tensor = self.generator(torch.randn(count, LATENT))
        return drawn


def _dense(inputs: int, width: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(inputs, width), nn.LeakyReLU(0.2), nn.Linear(width, width), nn.LeakyReLU(0.2)),
        nn.Linear(width, outputs),
    )


def critic_loss(model: Any, real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-model.critic(real)).mean() + F.softplus(model.critic(fake.detach())).mean()


def generator_loss(model: Any, fake: Tensor) -> Tensor:
    return F.softplus(-model.critic(fake)).mean()


class Adversarial(Task):
    """Two updates for each batch, of two optimizers."""

    def updates(self, model: Any, batch: Any) -> Iterator[tuple[str, Tensor]]:
        real = batch[0].flatten(1)
        fake = model.draw(len(real))
        yield "critic", critic_loss(model, real, fake)
        yield "generator", generator_loss(model, fake)

    def evaluation_step(self, model: Any, batch: Any) -> Step:
        return Step(generator_loss(model, model.draw(len(batch[0]))))
