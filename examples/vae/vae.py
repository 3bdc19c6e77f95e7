"""A variational autoencoder of small images of clothes (Kingma and Welling 2013, arXiv 1312.6114)."""

import torch
import torch.nn.functional as F
from torch import nn

from sweepboard.tasks import Step, Task


class VAE(nn.Module):
    """Gives the image that it sees through a few normally distributed numbers."""

    def __init__(self, pixels, hidden=256, latent=16):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, hidden), nn.SiLU(), nn.Linear(hidden, 2 * latent)
        )
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.SiLU(), nn.Linear(hidden, pixels))

    def forward(self, images):
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        noise = torch.randn_like(mean) if self.training else torch.zeros_like(mean)
        drawn = mean + noise * (log_variance / 2).exp()
        return self.decoder(drawn).view_as(images), mean, log_variance


class Elbo(Task):
    """The evidence lower bound: how well an image is rebuilt, and how far its code is from a normal one."""

    def __init__(self, beta=1.0):
        self.beta = beta

    def training_step(self, model, batch):
        images, _ = batch
        rebuilt, mean, log_variance = model(images)
        reconstruction = F.mse_loss(rebuilt, images, reduction="sum") / (2 * len(images))
        kl = (mean**2 + log_variance.exp() - 1 - log_variance).sum() / (2 * len(images))
        loss = reconstruction + self.beta * kl
        values = {"reconstruction": reconstruction, "kl": kl}
        return Step(loss, values=values, inputs=images, outputs=rebuilt, targets=images)
