"""A physics-informed network for the heat equation u_t = a u_xx on a rod (Raissi et al. 2019)."""

import math

import torch
from torch import nn
from torch.utils.data import Dataset

from sweepboard.tasks import Step, Task


class Points(Dataset):
    """Places x and times t in [0, 1] at which the equation has to hold."""

    def __init__(self, points=2000, seed=0):
        self.points = torch.rand(points, 2, generator=torch.Generator().manual_seed(seed))

    def __len__(self):
        return len(self.points)

    def __getitem__(self, index):
        return self.points[index]


class Rod(nn.Module):
    """The temperature at (x, t); it is 0 at both ends of the rod."""

    def __init__(self, hidden=32):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1)
        )

    def forward(self, points):
        x = points[:, 0]
        return x * (1 - x) * self.layers(points).squeeze(1)


def derivative(values, points):
    return torch.autograd.grad(values.sum(), points, create_graph=True)[0]


class HeatEquation(Task):
    """The residual of the equation, and the distance from the temperature at the beginning."""

    primary_metric = "error"
    evaluation_gradients = True

    def __init__(self, conductivity=0.1, start_weight=10.0):
        self.conductivity, self.start_weight = conductivity, start_weight

    def training_step(self, model, batch):
        points = batch.clone().requires_grad_()
        x, t = points.detach().unbind(1)
        temperature = model(points)
        u_x, u_t = derivative(temperature, points).unbind(1)
        u_xx = derivative(u_x, points)[:, 0]
        residual = (u_t - self.conductivity * u_xx).square().mean()
        beginning = torch.stack([x, torch.zeros_like(x)], dim=1)
        start = (model(beginning) - torch.sin(math.pi * x)).square().mean()
        exact = torch.exp(-self.conductivity * math.pi**2 * t) * torch.sin(math.pi * x)
        error = (temperature - exact).abs().mean()
        values = {"residual": residual, "start": start, "error": error}
        return Step(residual + self.start_weight * start, values=values)
