"""A user's sampler draws the training samples; a run that is resumed draws the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from sweepboard.data.datasets.opening import open_source
from sweepboard.data.datasets.synthetic import Gaussian
from sweepboard.data.prepare import prepare_data
from sweepboard.data.sampling import ConfiguredSource, Sampling
from sweepboard.data.splits import batches_per_epoch
from sweepboard.data.types import Data
from sweepboard.errors import ConfigError, RunFailed
from sweepboard.settings import DatasetSettings


class Own:
    """Draws from one of the global generators, or from its own."""

    def __init__(self, samples: Any, kind: str = "python") -> None:
        self.samples, self.kind, self.epoch, self.calls = samples, kind, 0, 0
        self.generator, self.hidden = torch.Generator(), random.Random(5)

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[int]:
        numbers = list(range(len(self.samples)))
        if self.kind == "python":
            random.shuffle(numbers)
        elif self.kind == "generator":
            numbers = torch.randperm(len(numbers), generator=self.generator).tolist()
        elif self.kind == "hidden":
            self.hidden.shuffle(numbers)
        elif self.kind == "epoch":
            numbers = numbers[self.epoch :] + numbers[: self.epoch]
        elif self.kind == "short":
            numbers.pop()
        elif self.kind == "beyond":
            numbers[3] = len(numbers)
        return iter(numbers)


class WithEpoch(Own):
    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch


def settings(**values: Any) -> DatasetSettings:
    return DatasetSettings(**{"batch_size": 4, "val_fraction": 0.0, **values})


def prepared(
    make: Callable[[Any], Any], in_batches: bool = False, source: Any = None, seed: int = 0, **values: Any
) -> Data:
    numbers = torch.arange(20.0)
    source = source or open_source(TensorDataset(numbers[:, None], numbers))
    sampling = Sampling("dataset.sampler", make, takes_data=True, in_batches=in_batches)
    configured = ConfiguredSource(source, sampling)
    data = prepare_data(configured, settings(**values), seed, torch.device("cpu"))
    assert len(data.train) == batches_per_epoch(settings(**values), configured)
    return data


def drawn(data: Data, epoch: int, start: int = 0) -> list[list[float]]:
    return [targets.flatten().tolist() for _, targets in data.train.epoch(epoch, start)]


SAMPLERS: dict[str, Callable[[Any], Any]] = {
    "weighted": lambda samples: WeightedRandomSampler([1.0] * len(samples), 30),
    "random": lambda samples: RandomSampler(samples, replacement=True, num_samples=11),
    "own": Own,
    "own generator": lambda samples: Own(samples, "generator"),
    "own epoch": lambda samples: WithEpoch(samples, "epoch"),
}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", SAMPLERS)
def test_the_order_is_a_function_of_seed_and_epoch(kind: str, workers: int) -> None:
    make = SAMPLERS[kind]
    straight = [drawn(prepared(make), epoch) for epoch in range(3)]
    assert straight[0] != straight[1]
    data = prepared(make, workers=workers)
    assert drawn(data, 2) == straight[2]
    assert drawn(data, 1, start=2) == straight[1][2:]
    if kind != "own epoch":
        assert drawn(prepared(make, seed=1), 0) != straight[0]


def test_the_sampler_decides_how_long_an_epoch_is() -> None:
    assert len(prepared(SAMPLERS["weighted"]).train) == 8
    assert len(prepared(SAMPLERS["weighted"], drop_last=True).train) == 7
    assert len(prepared(lambda samples: RandomSampler(samples, num_samples=3)).train) == 1


def test_a_sampler_draws_from_what_is_not_held_out() -> None:
    given: list[Any] = []

    def make(samples: Any) -> Any:
        given.append(samples)
        return RandomSampler(samples)

    data = prepared(make, val_fraction=0.25)
    assert data.val is not None
    held_out = {float(value) for _, targets in data.val.epoch(0) for value in targets}
    trained = {value for batch in drawn(data, 0) for value in batch}
    assert len(held_out) == 5
    assert held_out | trained == set(range(20))
    assert not held_out & trained
    assert trained in [set(samples.indices) for samples in given]


def test_a_batch_sampler_gives_batches_of_any_size() -> None:
    class Growing:
        def __init__(self, samples: Any) -> None:
            self.samples = samples

        def __len__(self) -> int:
            return 3

        def __iter__(self) -> Iterator[list[int]]:
            return iter([[0], [1, 2], random.sample(range(len(self.samples)), 3)])

    data = prepared(Growing, in_batches=True)
    assert [len(batch) for batch in drawn(data, 0)] == [1, 2, 3]
    assert drawn(data, 5, start=1) == drawn(prepared(Growing, in_batches=True), 5)[1:]
    assert data.train.size == 6
    usual = prepared(lambda samples: BatchSampler(SequentialSampler(samples), 6, True), in_batches=True)
    assert drawn(usual, 0) == [[*range(6)], [*range(6, 12)], [*range(12, 18)]]


def test_data_of_ours_are_sampled_too() -> None:
    source = Gaussian(samples=20, features=2, classes=2)
    data = prepared(lambda samples: WeightedRandomSampler((samples.targets == 1).double(), 40), source=source)
    assert {value for batch in drawn(data, 0) for value in batch} == {1}


@pytest.mark.parametrize(
    ("kind", "told"),
    [("hidden", "Own gives another order each time, .*: let it draw from torch's, numpy's or Python's")],
)
def test_a_sampler_that_draws_from_elsewhere_is_refused(kind: str, told: str) -> None:
    with pytest.raises(ConfigError, match=f"^dataset.sampler: {told}"):
        prepared(lambda samples: Own(samples, kind))


def test_a_sampler_that_is_none_is_told() -> None:
    with pytest.raises(ConfigError, match=r"dataset.sampler: list_iterator needs __iter__ and __len__"):
        prepared(lambda samples: iter([1, 2]))
    numbers = torch.arange(20.0)
    source = open_source(TensorDataset(numbers[:, None], numbers))
    sampling = Sampling("dataset.sampler", Own, takes_data=False, in_batches=False)
    with pytest.raises(ConfigError, match=r"of which 5 samples are held out: give dataset\.val"):
        batches_per_epoch(settings(val_fraction=0.25), ConfiguredSource(source, sampling))


@pytest.mark.parametrize(
    ("kind", "told"),
    [("short", "gave 19 in epoch 0, but its length is 20"), ("beyond", "drew sample 20 of 20")],
)
def test_numbers_that_are_not_as_announced_end_the_run(kind: str, told: str) -> None:
    data = prepared(lambda samples: Own(samples, kind))
    with pytest.raises(RunFailed, match=f"^dataset.sampler: Own {told}"):
        drawn(data, 0)


def test_a_batch_without_samples_ends_the_run() -> None:
    class Holed(list[list[int]]):
        def __init__(self, samples: Any) -> None:
            super().__init__([[0, 1], [], [len(samples) - 1]])

    with pytest.raises(RunFailed, match=r"^dataset\.sampler: Holed gave a batch without samples"):
        drawn(prepared(Holed, in_batches=True), 0)
