"""A run of a second: clusters of points, and a network that makes a resume as hard as it can be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sweepboard.data.types import Batch, Data, DataSpec, FoundByNumber
from sweepboard.training.learner import Learner
from sweepboard.training.seeding import seed_everything
from sweepboard.training.tasks import Classification

FEATURES, CLASSES = 6, 3


@dataclass(frozen=True)
class SmallBatches(FoundByNumber):
    """Batches of 8 samples, whose order is a function of the epoch where they are for training."""

    inputs: Tensor
    targets: Tensor
    training: bool

    @property
    def size(self) -> int:
        return len(self.targets)

    def __len__(self) -> int:
        return self.size // 8

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(epoch)
        order = torch.randperm(self.size, generator=generator) if self.training else torch.arange(self.size)
        for chosen in torch.split(order, 8)[start:]:
            yield self.inputs[chosen], self.targets[chosen]

    def first(self, count: int) -> Batch:
        return self.inputs[:count], self.targets[:count]


def small_data() -> Data:
    """Return 64 training, 24 validation and 24 test samples: 8 updates an epoch."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(CLASSES, (112,), generator=generator)
    inputs = torch.randn(112, FEATURES, generator=generator) + targets[:, None]
    train, val, test = (
        SmallBatches(inputs[part], targets[part], part.start == 0)
        for part in (slice(0, 64), slice(64, 88), slice(88, 112))
    )
    return Data(DataSpec((FEATURES,), CLASSES), train, val, test, "small")


def small_learner() -> Learner:
    """Return the same learner each time, and seed the global generators: dropout draws from them."""
    seed_everything(0)
    model = nn.Sequential(
        nn.Linear(FEATURES, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, CLASSES)
    )
    return Learner(model, Classification(), torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9))
