"""Whole training batches are changed as a function of the seed, the epoch and their number."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sweepboard.data.batch_transform import TransformedBatches
from sweepboard.data.batches import SplitBatches
from sweepboard.data.datasets.opening import open_source
from sweepboard.data.datasets.stream_source import Rebuilt
from sweepboard.data.datasets.synthetic import Gaussian
from sweepboard.data.prepare import prepare_data
from sweepboard.data.sampling import ConfiguredSource
from sweepboard.data.types import Data
from sweepboard.errors import RunFailed
from sweepboard.settings import DatasetSettings

Change = Callable[..., Any]


def noisy(inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Draw from each of the global generators."""
    return inputs + torch.rand(1) + 10 * random.randint(0, 10**6) + 100 * np.random.randint(10**6), targets


def prepared(change: Change | None, source: Any = None, seed: int = 0, **settings: Any) -> Data:
    source = source or Gaussian(samples=40, features=2, classes=2)
    configured = ConfiguredSource(source, make_batch_transform=change and (lambda spec: change))
    chosen = DatasetSettings(**{"batch_size": 4, **settings})
    return prepare_data(configured, chosen, seed, torch.device("cpu"))


def inputs_of(batches: Iterator[Any]) -> list[Any]:
    return [inputs.tolist() for inputs, _ in batches]


def of_a_stream() -> Iterator[tuple[Tensor, Tensor]]:
    for number in range(40):
        yield torch.full((2,), float(number)), torch.tensor([1.0])


def no_pairs(samples: Sequence[Any]) -> dict[str, Tensor]:
    return {"x": torch.stack([sample[0] for sample in samples])}


@pytest.mark.parametrize("stream", [False, True])
def test_a_batch_is_changed_by_its_number_whatever_was_read_before(stream: bool) -> None:
    source = open_source(Rebuilt(of_a_stream), None) if stream else None
    settings: dict[str, Any] = {"val_fraction": 0.0}
    train = prepared(noisy, source, **settings).train
    whole = inputs_of(_some(train.epoch(1)))
    states = torch.get_rng_state(), random.getstate()
    for start in (0, 1, 4):
        assert inputs_of(_some(train.epoch(1, start), 6 - start)) == whole[start:]
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert (
        inputs_of(_some(prepared(noisy, source, **settings, workers=2, in_memory=False).train.epoch(1)))
        == whole
    )
    plain = inputs_of(_some(prepared(None, source, **settings).train.epoch(1)))
    added = [one[0][0] - other[0][0] for one, other in zip(whole, plain, strict=True)]
    assert len(set(added)) == 6
    for other in (train, prepared(noisy, source, 1, **settings).train):
        assert inputs_of(_some(other.epoch(2))) != whole


def _some(batches: Iterator[Any], count: int = 6) -> Iterator[Any]:
    return (batch for batch, _ in zip(batches, range(count), strict=False))


def test_nothing_else_is_changed() -> None:
    changed, plain = prepared(noisy, val_fraction=0.25), prepared(None, val_fraction=0.25)
    assert isinstance(changed.train, TransformedBatches)
    assert isinstance(plain.train, SplitBatches)
    assert changed.val is not None
    assert plain.val is not None
    assert inputs_of(changed.val.epoch(0)) == inputs_of(plain.val.epoch(0))
    assert torch.equal(changed.train.first(3)[0], plain.train.first(3)[0])
    assert (changed.train.size, len(changed.train)) == (plain.train.size, len(plain.train))
    assert changed.fingerprint == plain.fingerprint


def test_batches_that_are_no_pairs_are_given_whole() -> None:
    dataset = [(torch.full((2,), float(number)), 0) for number in range(8)]
    source = open_source(dataset, None, collate_fn=no_pairs)
    data = prepared(lambda batch: {**batch, "more": -batch["x"]}, source, val_fraction=0.0, shuffle=False)
    batch = next(iter(data.train.epoch(0)))
    assert batch["more"][:, 0].tolist() == [0, -1, -2, -3]
    data = prepared(lambda batch: None, source, val_fraction=0.0)
    with pytest.raises(
        RunFailed, match=r"^dataset.batch_transform: it must return the batch, but returned a NoneT"
    ):
        next(iter(data.train.epoch(0)))


@pytest.mark.parametrize("wrong", [lambda x, y: x, lambda x, y: (x, y, y), lambda x, y: (x, None)])
def test_what_is_no_pair_is_told(wrong: Change) -> None:
    with pytest.raises(RunFailed, match=r"^dataset.batch_transform: it must return inputs and targets, but"):
        next(iter(prepared(wrong).train.epoch(0)))
