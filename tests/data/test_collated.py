"""Samples of any kind become batches: by the user's collate function, or by torch's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from sweepboard.data.datasets.opening import open_source
from sweepboard.data.datasets.plain_samples import Plain
from sweepboard.data.datasets.torch_dataset import UserSource
from sweepboard.data.prepare import prepare_data
from sweepboard.data.splits import check_settings
from sweepboard.data.tree import leaves
from sweepboard.data.types import Batch, Data
from sweepboard.errors import ConfigError, RunFailed
from sweepboard.settings import DatasetSettings

CPU = torch.device("cpu")


class Listed(Dataset[Any]):
    """The given samples."""

    def __init__(self, samples: Sequence[Any]) -> None:
        self.listed = samples

    def __len__(self) -> int:
        return len(self.listed)

    def __getitem__(self, index: int) -> Any:
        return self.listed[index]


class Graph:
    """Like a graph library's: moves itself, and is in no container that torch knows."""

    def __init__(self, x: Tensor, batch_size: int = 1) -> None:
        self.x, self.batch_size = x, batch_size

    def to(self, device: torch.device) -> Graph:
        self.x = self.x.to(device)
        return self


def joined(graphs: Sequence[Graph]) -> Graph:
    return Graph(torch.cat([graph.x for graph in graphs]), len(graphs))


def padded(samples: Sequence[str]) -> dict[str, Any]:
    """Return ids of several lengths, padded, and the texts."""
    ids = torch.zeros(len(samples), max(map(len, samples)), dtype=torch.int64)
    for row, text in zip(ids, samples, strict=True):
        row[: len(text)] = torch.tensor(list(map(ord, text)))
    return {"ids": ids, "texts": list(samples)}


def noisy(samples: Sequence[Tensor]) -> Tensor:
    """Return a batch that the collate function has masked at random."""
    whole = torch.stack(list(samples))
    return torch.where(torch.rand(whole.shape) < 0.5, torch.zeros(()), whole + torch.randint(100, ()))


def prepared(train: Any, **settings: Any) -> Data:
    collate_fn = settings.pop("collate_fn", None)
    chosen = DatasetSettings(**{"batch_size": 4, "val_fraction": 0.2, **settings})
    source = open_source(train, collate_fn=collate_fn)
    assert source.spec is None
    return prepare_data(source, chosen, 0, CPU)


def plain(batch: Batch) -> list[Any]:
    """Return a batch as something that can be compared."""
    values = [vars(leaf) if isinstance(leaf, Graph) else leaf for leaf in leaves(batch)]
    flat = [leaf for value in values for leaf in (value.values() if isinstance(value, dict) else [value])]
    return [leaf.tolist() if isinstance(leaf, Tensor) else leaf for leaf in flat]


def several(kind: str) -> tuple[Dataset[Any], Any]:
    samples: dict[str, list[Any]] = {
        "dictionaries": [{"ids": torch.arange(3) + i, "label": i, "weight": i / 2} for i in range(10)],
        "three tensors": [(torch.rand(2), torch.tensor(i), torch.tensor(i / 3)) for i in range(10)],
        "masks": [(torch.rand(3, 4, 4), torch.full((4, 4), i)) for i in range(10)],
        "one tensor": [torch.arange(5) * i for i in range(10)],
        "texts": ["x" * (i + 1) for i in range(10)],
        "graphs": [Graph(torch.full((i + 1, 2), float(i))) for i in range(10)],
        "random": [torch.arange(6.0) + i for i in range(10)],
    }
    collate = {"texts": padded, "graphs": joined, "random": noisy}
    return Listed(samples[kind]), collate.get(kind)


KINDS = ("dictionaries", "three tensors", "masks", "one tensor", "texts", "graphs", "random")


@pytest.mark.parametrize("kind", KINDS)
def test_batches_of_any_kind_are_the_same_from_workers_and_from_the_middle(kind: str) -> None:
    dataset, collate_fn = several(kind)
    alone = prepared(dataset, collate_fn=collate_fn)
    epochs = [[plain(batch) for batch in alone.train.epoch(epoch)] for epoch in (0, 1)]
    assert epochs[0] != epochs[1]
    workers = prepared(dataset, collate_fn=collate_fn, workers=2)
    assert [[plain(batch) for batch in workers.train.epoch(epoch)] for epoch in (0, 1)] == epochs
    assert [plain(batch) for batch in workers.train.epoch(1, start=1)] == epochs[1][1:]
    assert alone.val is not None
    assert alone.val.size == 2
    held_out = [plain(batch) for batch in alone.val.epoch(0)]
    assert held_out == [plain(batch) for batch in alone.val.epoch(1)]


def test_numbers_keep_their_types() -> None:
    sample = {"int": 3, "float": 0.5, "double": np.float64(0.5), "ids": np.arange(3, dtype=np.int32)}
    [batch] = list(prepared(Listed([sample] * 4), val_fraction=0).train.epoch(0))
    types = {name: value.dtype for name, value in batch.items()}
    assert types == {
        "int": torch.int64,
        "float": torch.float32,
        "double": torch.float64,
        "ids": torch.int32,
    }


def test_a_method_of_the_data_set_collates_and_a_setting_comes_first() -> None:
    class Own(Listed):
        def collate_fn(self, samples: Sequence[Any]) -> Any:
            return {"sum": torch.tensor([float(sum(x)) for x, _ in samples])}

    pairs = [(torch.ones(3) * i, i) for i in range(4)]
    [batch] = list(prepared(Own(pairs), val_fraction=0, shuffle=False).train.epoch(0))
    assert batch["sum"].tolist() == [0, 3, 6, 9]
    [batch] = list(prepared(Own(pairs), val_fraction=0, collate_fn=len).train.epoch(0))
    assert batch == 4


def test_a_collate_function_is_the_only_one_that_looks_into_a_sample() -> None:
    class Closed:
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError("looked into")

    data = Listed([Closed()] * 4)
    source = open_source(data, collate_fn=len)
    assert source.spec is None
    assert isinstance(source, UserSource)
    assert source.samples(2) == 2


def test_real_samples_are_given_for_the_dry_run() -> None:
    pictures = Listed([(Image.new("L", (4, 4), 255), 1)] * 3)
    pictures.classes = ["a", "b"]  # type: ignore[attr-defined]
    for dataset, collate_fn in ((pictures, None), several("texts")):
        source = open_source(dataset, collate_fn=collate_fn)
        assert isinstance(source, UserSource)
        batch = source.samples(2)
        first = prepare_data(source, DatasetSettings(val_fraction=0), 0, CPU).train.first(2)
        assert plain(batch) == plain(first)
    assert len(open_source(pictures).samples(9)[1]) == 3  # type: ignore[attr-defined]


@dataclass
class Point:
    place: torch.Tensor
    label: int


class Named(NamedTuple):
    place: torch.Tensor
    label: int


def test_a_named_tuple_stays_one_also_of_two_parts() -> None:
    source = open_source(Listed([Named(torch.zeros(3), 1)] * 2))
    assert source.spec is None
    data = prepare_data(source, DatasetSettings(val_fraction=0), 0, CPU)
    batch = next(iter(data.train.epoch(0)))
    assert batch.place.shape == (2, 3)
    assert batch.label.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        (None, r"sample 0 of Listed is None: leave such samples out of the data set, or give a collate"),
        (Image.new("L", (4, 4)), r"is PIL image: turn the image into a tensor in a transform, or give"),
        ({"image": Image.new("L", (2, 2)), "id": 1}, r"is \{image: PIL image, id: int\}: turn the image"),
        ((torch.zeros(3), None), r"is \(float32 of shape \(3,\), None\): leave such samples out"),
        (Point(torch.zeros(3), 1), r"is Point: torch makes no batch of such samples; give a collate"),
        ((torch.zeros(3), 1, {4}), r"is \(float32 .*, int, set\): torch makes no batch of a set, or give a"),
    ],
)
def test_a_sample_that_torch_cannot_collate_is_described(sample: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=f"^dataset: .*{told}.*dataset.collate_fn=my_module.collate"):
        _ = open_source(Listed([sample] * 2)).spec


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ({"a": torch.zeros(3)}, {"a": torch.zeros(4)}, r"is \{a: float32 of shape \(4,\)\}, sample \d is"),
        ({"a": 1}, {"b": 1}, r"is \{b: int\}, sample \d is \{a: int\}: make them alike"),
        (torch.zeros(3), None, r"is None: leave such samples out"),
    ],
)
def test_a_sample_unlike_the_others_is_named(good: Any, bad: Any, told: str, workers: int) -> None:
    data = prepared(Listed([good, good, good, bad]), val_fraction=0, workers=workers, shuffle=False)
    with pytest.raises(RunFailed, match=f"^sample 3 of Listed {told}"):
        list(data.train.epoch(0))


def test_a_held_out_share_of_dictionaries_may_not_vary() -> None:
    class Noisy(Listed):
        def __getitem__(self, index: int) -> Any:
            return {"x": self.listed[index]["x"] + torch.rand(())}

    samples = [{"x": torch.zeros(2)}] * 4
    source = open_source(Noisy(samples), plain=Plain(remedy="dataset.eval_transform=null"))
    with pytest.raises(ConfigError, match=r"random transforms.*type dataset\.eval_transform=null"):
        check_settings(DatasetSettings(val_fraction=0.5), source)
    check_settings(DatasetSettings(val_fraction=0.5), open_source(Listed(samples), plain=Plain(remedy="x")))


def test_pictures_are_changed_only_where_there_are_pairs() -> None:
    with pytest.raises(ConfigError, match=r"dataset.augment=flip changes images, but samples here are no"):
        prepared(several("dictionaries")[0], augment="flip")
