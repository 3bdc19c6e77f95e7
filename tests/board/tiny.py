"""A real run, as small as can be: a few updates of a net with batch norm and dropout on noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sweepboard.data.prepare import prepare_data
from sweepboard.data.types import Data, DataSpec, Splits, TensorSplit
from sweepboard.settings import DatasetSettings, TrainerSettings
from sweepboard.training.callback import Callback
from sweepboard.training.learner import Learner
from sweepboard.training.loop import fit
from sweepboard.training.progress import Progress
from sweepboard.training.tasks import Classification, Regression

IMAGES = DataSpec(
    (3, 8, 8), classes=3, class_names=("red", "green", "a/b"), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4)
)
VECTORS = DataSpec((6,), classes=3)
NUMBERS = DataSpec((6,), target_shape=(2,))


@dataclass(frozen=True)
class Noise:
    """40 training and 24 validation samples of any kind."""

    spec: DataSpec

    @property
    def sizes(self) -> Mapping[str, int]:
        return {"train": 40, "val": 24}

    def load(self) -> Splits:
        draws = torch.Generator().manual_seed(7)
        inputs = torch.rand(64, *self.spec.input_shape, generator=draws)
        if self.spec.is_image:
            inputs = (inputs * 255).byte()
        if self.spec.classes is None:
            targets = torch.rand(64, *self.spec.target_shape, generator=draws)
        else:
            targets = torch.randint(0, self.spec.classes, (64,), generator=draws)
        return Splits(TensorSplit(inputs[:40], targets[:40]), val=TensorSplit(inputs[40:], targets[40:]))


class Net(nn.Module):
    """Every kind of state that looking at a model might change: `calls` even when it is evaluated."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        if spec.is_image:
            self.features: nn.Module = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten())
            width = 4 * 8 * 8
        else:
            self.features, width = nn.Sequential(nn.Linear(6, 8), nn.ReLU()), 8
        self.norm = nn.BatchNorm1d(width)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(width, spec.outputs)
        self.calls = nn.Buffer(torch.zeros(()))
        self.frozen = nn.Parameter(torch.ones(()), requires_grad=False)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.calls.add_(1)
        logits: torch.Tensor = self.head(self.drop(self.norm(self.features(inputs))))
        return logits * self.frozen


def tiny_data(spec: DataSpec) -> Data:
    return prepare_data(
        Noise(spec), DatasetSettings(batch_size=8, eval_batch_size=10), 0, torch.device("cpu")
    )


def tiny_run(
    callbacks: Sequence[Callback] = (),
    spec: DataSpec = IMAGES,
    model: nn.Module | None = None,
    **settings: Any,
) -> Progress:
    """Five updates an epoch, three epochs; the same run every time whatever watches it."""
    torch.manual_seed(0)
    net = model or Net(spec)
    named = {f"{index} {type(each).__name__}": each for index, each in enumerate(callbacks)}
    task = Regression() if spec.classes is None else Classification()
    learner = Learner(net, task, torch.optim.Adam(net.parameters(), 0.01))
    return fit(learner, tiny_data(spec), TrainerSettings(**{"epochs": 3, **settings}), callbacks=named)
