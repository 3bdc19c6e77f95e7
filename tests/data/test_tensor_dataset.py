"""Batches of a `TensorDataset` are picked whole, and equal to those of a data set read sample by sample."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from sweepboard.data.datasets.opening import open_source
from sweepboard.data.prepare import prepare_data
from sweepboard.data.types import InMemory
from sweepboard.errors import RunFailed
from sweepboard.settings import DatasetSettings

CPU = torch.device("cpu")
COUNT = 23


class SampleBySample(TensorDataset):
    """A class of a user, which might change the samples."""


def numbers(*shape: int) -> Tensor:
    return torch.randn(COUNT, *shape, generator=torch.Generator().manual_seed(1))


def whole(high: int, *shape: int) -> Tensor:
    return torch.randint(high, (COUNT, *shape), generator=torch.Generator().manual_seed(2))


CLASS = whole(3)
KINDS: dict[str, tuple[Tensor, ...]] = {
    "numbers and classes": (numbers(4), CLASS),
    "classes of another type": (numbers(4), CLASS.to(torch.uint8)[:, None]),
    "regression": (numbers(4), numbers()),
    "many targets": (numbers(4).double(), numbers(2)),
    "one number": (numbers(), numbers(1)),
    "images": (whole(256, 3, 5, 4).to(torch.uint8), CLASS),
    "grey images without a channel": (whole(256, 5, 4).to(torch.uint8), CLASS),
    "images of 16 bits": (whole(60_000, 5, 4).to(torch.uint16), CLASS),
    "bools": (numbers(4) > 0, CLASS),
    "ids and classes": (whole(99, 7), CLASS),
    "one tensor": (whole(99, 7),),
    "three tensors": (numbers(4), whole(99, 7), CLASS),
    "windows and windows": (whole(99, 7), whole(99, 7)),
    "needs gradients": (numbers(4).requires_grad_(), CLASS),
}


def batches(dataset: Any, in_memory: bool = True) -> list[Any]:
    settings = DatasetSettings(batch_size=5, val_fraction=0.25, in_memory=in_memory)
    data = prepare_data(open_source(dataset, classes=_classes(dataset)), settings, 3, CPU)
    assert data.val is not None
    return [*data.train.epoch(0), *data.train.epoch(1, 2), *data.val.epoch(0), data.train.first(4)]


def _classes(dataset: TensorDataset) -> int | None:
    """Return the number of classes where the last of two tensors has them."""
    if len(dataset.tensors) != 2 or dataset.tensors[1].is_floating_point():
        return None
    return 3 if dataset.tensors[1][0].numel() == 1 else None


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_batches_are_those_of_single_samples(kind: str, in_memory: bool) -> None:
    tensors = KINDS[kind]
    found, expected = batches(TensorDataset(*tensors), in_memory), batches(SampleBySample(*tensors))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert type(one) is type(other)
        for tensor, wanted in zip(one, other, strict=True):
            assert (tensor.dtype, tensor.shape, tensor.requires_grad) == (wanted.dtype, wanted.shape, False)
            assert torch.equal(tensor, wanted)


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"images of 16 bits"}))
def test_no_sample_is_read_alone(kind: str) -> None:
    dataset = TensorDataset(*KINDS[kind])
    assert isinstance(open_source(dataset, classes=_classes(dataset)).load().train, InMemory)


def test_other_data_sets_are_read_by_their_samples() -> None:
    changed, sparse = SampleBySample(numbers(4), CLASS), TensorDataset(numbers(4).to_sparse(), CLASS)
    assert not isinstance(open_source(changed, classes=3).load().train, InMemory)
    assert not isinstance(open_source(sparse, collate_fn=list).load().train, InMemory)
    given = open_source(TensorDataset(numbers(4), CLASS), collate_fn=list)
    assert not isinstance(given.load().train, InMemory)


def test_a_class_that_there_is_not_is_told_by_its_sample() -> None:
    classes = CLASS.clone()
    classes[7] = 5
    with pytest.raises(RunFailed, match=r"sample 7 of TensorDataset has class 5, but there are 3 classes"):
        open_source(TensorDataset(numbers(4), classes), classes=3).load()
