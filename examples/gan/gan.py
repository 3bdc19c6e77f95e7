"""A generative adversarial network that draws clothes (Goodfellow et al. 2014, arXiv 1406.2661)."""

import torch
import torch.nn.functional as F
from torch import nn

from sweepboard import Callback
from sweepboard.tasks import Step, Task


class GAN(nn.Module):
    """A generator, and a critic that tells what it draws from images."""

    def __init__(self, pixels, latent=32, width=256):
        super().__init__()
        self.latent = latent
        self.generator = nn.Sequential(
            *(nn.Linear(latent, width), nn.BatchNorm1d(width), nn.ReLU()),
            *(nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU()),
            nn.Linear(width, pixels),
        )
        self.critic = nn.Sequential(
            *(nn.Linear(pixels, width), nn.LeakyReLU(0.2), nn.Dropout(0.3)),
            *(nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Dropout(0.3)),
            nn.Linear(width, 1),
        )

    def draw(self, count, generator=None):
        noise = torch.randn(count, self.latent, generator=generator)
        return self.generator(noise.to(self.generator[0].weight.device))


class Adversarial(Task):
    """The critic learns from a batch, then the generator from the critic."""

    primary_metric = "moments"

    def updates(self, model, batch):
        real = batch[0].flatten(1)
        fake = model.draw(len(real))
        true, false = model.critic(real), model.critic(fake.detach())
        told_apart = ((true > 0).float().mean() + (false < 0).float().mean()) / 2
        loss = F.softplus(-true).mean() + F.softplus(false).mean()
        yield "critic", Step(loss, values={"told_apart": told_apart}, sums=self.moments(real, fake))
        yield "generator", F.softplus(-model.critic(fake)).mean()

    def evaluation_step(self, model, batch):
        real = batch[0].flatten(1)
        fake = model.draw(len(real))
        return Step(F.softplus(-model.critic(fake)).mean(), sums=self.moments(real, fake))

    def moments(self, real, fake):
        return {"first": (real - fake).sum(0), "second": (real**2 - fake**2).sum(0)}

    def metrics(self, sums):
        """Return how far the moments of pixels are from those of images: a small relative of FID."""
        differences = [sums[name] / sums["count"] for name in ("first", "second")]
        return {"moments": float(torch.stack(differences).square().mean())}


class Drawings(Callback):
    """Shows what the generator makes of the same noise after every validation."""

    writes_only = True

    def __init__(self, rows=4, columns=8):
        self.rows, self.columns = rows, columns

    def on_validation(self, progress):
        generator = torch.Generator().manual_seed(0)
        images = progress.learner.model.draw(self.rows * self.columns, generator)
        side = round(images.shape[1] ** 0.5)
        grid = images.view(self.rows, self.columns, side, side).transpose(1, 2)
        progress.log.image("drawings", grid.reshape(self.rows * side, -1) * 0.35 + 0.29)
