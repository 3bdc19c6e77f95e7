"""Synthetic data sets: a straight line, and noise to memorise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from sweepboard.data.seeds import generator
from sweepboard.data.types import DataSpec, Splits, TensorSplit
from sweepboard.errors import ConfigError


@dataclass(frozen=True)
class Line:
    """y = slope * x + intercept for x = 0, 1, ... samples - 1, plus normal noise.

    x and y are standardised. In their own units, gradient descent with any usual learning rate diverges: the
    curvature along x is thousands of times that along the intercept.
    """

    samples: int = 100
    slope: float = 2.0
    intercept: float = 1.0
    noise: float = 0.0

    spec = DataSpec(input_shape=(1,), target_shape=(1,))

    def __post_init__(self) -> None:
        if self.samples < 2:
            raise ConfigError(f"dataset.samples must be at least 2 to make a line, not {self.samples}")

    @property
    def sizes(self) -> Mapping[str, int]:
        """Number of samples; only a training set."""
        return {"train": self.samples}

    def load(self) -> Splits:
        """Return standardised x and y, each (samples, 1)."""
        x, y = self._own
        inputs, targets = ((x - x.mean()) / _spread(x)), ((y - y.mean()) / _spread(y))
        return Splits(TensorSplit(inputs.float()[:, None], targets.float()[:, None]))

    def in_own_units(self, weight: float, bias: float) -> tuple[float, float]:
        """Return slope and intercept in the units of x and y, from the parameters of a linear model."""
        x, y = self._own
        slope = weight * float(_spread(y) / _spread(x))
        return slope, float(y.mean()) + bias * float(_spread(y)) - slope * float(x.mean())

    @cached_property
    def _own(self) -> tuple[Tensor, Tensor]:
        x = torch.arange(self.samples, dtype=torch.float64)
        noise = torch.randn(self.samples, dtype=torch.float64, generator=generator("line noise"))
        return x, self.slope * x + self.intercept + self.noise * noise


@dataclass(frozen=True)
class Gaussian:
    """Independent standard normal features with random labels: nothing to learn, only to memorise.

    `seed` belongs to the data set, so that runs of different seeds train on the same data.
    """

    samples: int = 1000
    features: int = 32
    classes: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("samples", "features", "classes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"dataset.{name} must be at least 1, not {getattr(self, name)}")

    @property
    def spec(self) -> DataSpec:
        """A vector of features and a class."""
        return DataSpec(input_shape=(self.features,), classes=self.classes)

    @property
    def sizes(self) -> Mapping[str, int]:
        """Number of samples; only a training set."""
        return {"train": self.samples}

    def load(self) -> Splits:
        """Return features (samples, features) and labels (samples,)."""
        draws = generator(self.seed, "gaussian")
        inputs = torch.randn(self.samples, self.features, generator=draws)
        return Splits(TensorSplit(inputs, torch.randint(self.classes, (self.samples,), generator=draws)))


def _spread(values: Tensor) -> Tensor:
    """Return the standard deviation, or 1 if all values are equal."""
    spread = values.std(correction=0)
    return spread if spread > 0 else torch.ones_like(spread)
