"""A denoising diffusion model of small images of clothes (Ho et al. 2020, arXiv 2006.11239)."""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.utils import make_grid

from sweepboard import Callback, Task


class Denoiser(nn.Module):
    """Predicts the noise in an image; `t` from 0 to 1 says how much of it there is."""

    def __init__(self, width=32):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(16, 4 * width), nn.SiLU(), nn.Linear(4 * width, 2 * width))
        self.into = nn.Conv2d(1, width, 3, padding=1)
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.middle = nn.Sequential(
            nn.GroupNorm(8, 2 * width), nn.SiLU(), nn.Conv2d(2 * width, 2 * width, 3, padding=1),
            nn.GroupNorm(8, 2 * width), nn.SiLU(), nn.Conv2d(2 * width, 2 * width, 3, padding=1),
        )  # fmt: skip
        self.up = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1)
        self.out = nn.Sequential(nn.GroupNorm(8, 2 * width), nn.SiLU(), nn.Conv2d(2 * width, 1, 3, padding=1))

    def forward(self, images, t):
        angles = t[:, None] * 2.0 ** torch.arange(8, device=t.device)
        time = self.time(torch.cat([angles.sin(), angles.cos()], dim=1))[:, :, None, None]
        fine = self.into(images)
        coarse = self.down(fine) + time
        coarse = coarse + self.middle(coarse)
        return self.out(torch.cat([fine, self.up(coarse)], dim=1))


def shares(t):
    """Return how much of the image and how much of the noise there is at `t` (the cosine schedule)."""
    angle = (t * math.pi / 2)[:, None, None, None]
    return angle.cos(), angle.sin()


def small(images):
    return F.avg_pool2d(images, 2)


class Denoising(Task):
    """The squared error of the noise that the model predicts."""

    def training_step(self, model, batch):
        images, _ = batch
        images = small(images)
        t, noise = torch.rand(len(images), device=images.device), torch.randn_like(images)
        of_image, of_noise = shares(t)
        return F.mse_loss(model(of_image * images + of_noise * noise, t), noise)

    def evaluation_step(self, model, batch):
        torch.manual_seed(0)  # the same noise in every validation
        return self.training_step(model, batch)


class Samples(Callback):
    """Images that the model makes of noise, on the board after every validation."""

    writes_only = True

    def __init__(self, count=16, steps=50):
        self.count, self.steps = count, steps

    @torch.no_grad()
    def on_validation(self, progress):
        model = progress.learner.model
        images = torch.randn(self.count, 1, 14, 14, generator=torch.Generator().manual_seed(0))
        images = images.to(progress.learner.device)
        times = torch.linspace(0.98, 0, self.steps + 1, device=images.device)
        for now, after in pairwise(times):  # DDIM, without new noise
            noise = model(images, now.expand(self.count))
            (of_image, of_noise), (next_image, next_noise) = shares(now[None]), shares(after[None])
            images = next_image * (images - of_noise * noise) / of_image + next_noise * noise
        grid = make_grid(F.interpolate(images, scale_factor=3), nrow=8, normalize=True, scale_each=True)
        progress.log.image("samples", grid)
