"""A small world for the loop: batches as a pure function of (seed, epoch), and a learner to be had twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sweepboard.data.types import Batch, Data, DataSpec, FoundByNumber
from sweepboard.metric_names import SPEED
from sweepboard.settings import SchedulerSettings
from sweepboard.training.callback import Callback
from sweepboard.training.learner import Learner
from sweepboard.training.progress import Progress
from sweepboard.training.schedules import Schedule, Schedules, WarmupCosine
from sweepboard.training.seeding import seed_everything
from sweepboard.training.task import Task
from sweepboard.training.tasks import Classification, Regression


@dataclass(frozen=True)
class FakeBatches(FoundByNumber):
    """Shuffled and noisy in training, as the real ones are; in order and plain otherwise."""

    inputs: Tensor
    targets: Tensor
    batch_size: int
    training: bool = True

    @property
    def size(self) -> int:
        return len(self.targets)

    def __len__(self) -> int:
        return -(-self.size // self.batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        order = torch.arange(self.size)
        if self.training:
            order = torch.randperm(self.size, generator=torch.Generator().manual_seed(epoch))
        for index, chosen in enumerate(torch.split(order, self.batch_size)):
            if index < start:
                continue
            inputs = self.inputs[chosen]
            if self.training:
                generator = torch.Generator().manual_seed(1000 * epoch + index)
                inputs = inputs + 0.1 * torch.randn(inputs.shape, generator=generator)
            yield inputs, self.targets[chosen]

    def first(self, count: int) -> Batch:
        return self.inputs[:count], self.targets[:count]


def fake_data(samples: int = 70, batch_size: int = 8, features: int = 6, classes: int = 4) -> Data:
    """Learnable clusters; the last batch of an epoch is smaller than the others."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(classes, (samples + 40,), generator=generator)
    centres = torch.randn(classes, features, generator=generator)
    inputs = centres[targets] + 0.5 * torch.randn(len(targets), features, generator=generator)
    train = FakeBatches(inputs[:samples], targets[:samples], batch_size)
    val, test = (
        FakeBatches(inputs[part], targets[part], 7, training=False)
        for part in (slice(samples, samples + 20), slice(samples + 20, None))
    )
    return Data(DataSpec((features,), classes), train, val, test, "fingerprint")


def line_data(samples: int = 40) -> Data:
    """Targets of shape (batch,) on a line, which a model gives as (batch, 1)."""
    inputs = torch.linspace(-1, 1, samples)[:, None]
    train = FakeBatches(inputs, 2 * inputs[:, 0] + 1, 10)
    val = FakeBatches(train.inputs, train.targets, 10, training=False)
    return Data(DataSpec((1,), None), train, val, None, "fingerprint")


class Net(nn.Sequential):
    """Has what makes a resume hard: dropout draws numbers, batch norm has buffers."""

    def __init__(self, features: int = 6, outputs: int = 4) -> None:
        super().__init__(
            nn.Linear(features, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, outputs)
        )


def fake_learner(
    scheduler: str = "warmup", seed: int = 3, lr: float = 0.05, task: Task | None = None, **settings: Any
) -> Learner:
    """The same learner for the same arguments; leaves the global generators as a run finds them."""
    seed_everything(seed)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, fused=True)
    schedulers: dict[str, Callable[[], Any]] = {
        "none": lambda: None,
        "warmup": lambda: WarmupCosine(optimizer, 30, 0.2),
        "onecycle": lambda: torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=30),
        "epoch": lambda: torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5),
        "plateau": lambda: torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=0.2),
    }
    interval = {"epoch": "epoch", "plateau": "validation"}.get(scheduler, "step")
    made, when = schedulers[scheduler](), SchedulerSettings(interval=interval)
    return Learner(
        model,
        task or Classification(),
        optimizer,
        Schedules({"optimizer": Schedule(made, when)} if made is not None else {}),
        **settings,
    )


def line_learner() -> Learner:
    seed_everything(0)
    model = nn.Linear(1, 1)
    return Learner(model, Regression(), torch.optim.SGD(model.parameters(), lr=0.1))


@dataclass
class Journal(Callback):
    """Remembers every scalar, and what it was told."""

    scalars: dict[tuple[str, int], float] = field(default_factory=dict)
    told: list[tuple[str, int]] = field(default_factory=list)

    def on_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        for tag, value in scalars.items():
            assert (tag, step) not in self.scalars, f"{tag} logged twice at step {step}"
            self.scalars[tag, step] = value

    def repeatable(self) -> dict[tuple[str, int], float]:
        """All but those that measure time."""
        return {key: value for key, value in self.scalars.items() if key[0] != SPEED}

    def cut(self, log_from: int) -> Journal:
        """What is left of the log when a run resumes."""
        return Journal({key: value for key, value in self.scalars.items() if key[1] < log_from})

    def tags(self, tag: str) -> dict[int, float]:
        return {step: value for (name, step), value in self.scalars.items() if name == tag}

    def on_start(self, progress: Progress) -> None:
        self.told.append(("start", progress.step))

    def on_epoch_end(self, progress: Progress) -> None:
        self.told.append(("epoch_end", progress.step))

    def on_validation(self, progress: Progress) -> None:
        self.told.append(("validation", progress.step))

    def on_checkpoint(self, progress: Progress) -> None:
        self.told.append(("checkpoint", progress.step))

    def on_end(self, progress: Progress) -> None:
        self.told.append(("end", progress.step))


@dataclass(frozen=True)
class World:
    """What the tests of this folder make their runs of."""

    data: Callable[..., Data] = fake_data
    learner: Callable[..., Learner] = fake_learner
    line_data: Callable[..., Data] = line_data
    line_learner: Callable[..., Learner] = line_learner
    journal: Callable[..., Journal] = Journal


@pytest.fixture(scope="session")
def world() -> World:
    return World()


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Other numbers of threads sum in another order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
