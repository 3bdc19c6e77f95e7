"""A mapping of splits is a training set with the others; what is no data set is told with what to give."""

from __future__ import annotations

from typing import Any

import datasets  # type: ignore[import-untyped]
import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset

from sweepboard.data.datasets.opening import open_source
from sweepboard.data.datasets.plain_samples import Plain
from sweepboard.errors import ConfigError


def numbers(count: int, classes: int = 3) -> TensorDataset:
    return TensorDataset(torch.rand(count, 4), torch.arange(count) % classes)


SPLITS = [
    ({"train": numbers(9), "test": numbers(4)}, {"train": 9, "test": 4}),
    ({"Train": numbers(9), "validation": numbers(5)}, {"train": 9, "val": 5}),
    ({"training": numbers(9), "dev": numbers(5), "testing": numbers(4)}, {"train": 9, "val": 5, "test": 4}),
    (
        datasets.DatasetDict({
            name: datasets.Dataset.from_dict({"x": [[1.0]] * count}).with_format("torch")
            for name, count in (("train", 9), ("test", 4))
        }),
        {"train": 9, "test": 4},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "sizes"), SPLITS)
def test_a_mapping_has_the_splits_of_its_keys(given: Any, sizes: dict[str, int]) -> None:
    source = open_source(given)
    assert dict(source.sizes) == sizes
    assert len(source.load().train) == 9


def test_held_out_samples_come_from_the_same_split() -> None:
    plain = {"train": numbers(9), "test": numbers(4)}
    source = open_source({"train": numbers(9)}, plain=Plain(plain))
    loaded = source.load().plain
    assert loaded is not None
    assert len(loaded) == 9


def test_another_split_is_not_used_and_told(caplog: pytest.LogCaptureFixture) -> None:
    source = open_source({"train": numbers(9), "unsupervised": numbers(3)})
    assert dict(source.sizes) == {"train": 9}
    assert "the split unsupervised of dict is not used" in caplog.text


TWO = [numbers(3), numbers(3)]
ARRAYS = "a tuple of arrays is no data set: give torch.utils.data.Tensor"
MISTAKES = [
    ({"a": numbers(3), "b": numbers(3)}, "dict is a mapping with the keys a, b, and none of them is train"),
    (dict.fromkeys(["train", "val", "dev"], numbers(3)), "dict has val and dev; leave one of them out"),
    (DataLoader(numbers(3)), r"a DataLoader makes its own batches: give the data set inside \(loader"),
    (TWO, "a list of 2 data sets is none itself: give one of them, or a dict"),
    (torch.utils.data.random_split(numbers(4), [2, 2]), "a list of 2 data sets is none itself"),
    ((torch.rand(3, 2), torch.arange(3)), ARRAYS),
    ((np.ones((3, 2)), np.ones(3)), ARRAYS),
    (pd.DataFrame({"a": [1.0]}), "a DataFrame of pandas is no data set: give torch.utils.data.TensorDataset"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "told"), MISTAKES)
def test_what_else_is_given_is_told(given: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=f"^dataset: {told}"):
        open_source(given)


def test_a_split_is_given_once() -> None:
    with pytest.raises(ConfigError, match=r"^dataset\.test: dict has a split test already"):
        open_source({"train": numbers(3), "test": numbers(3)}, numbers(3))


@pytest.mark.parametrize(
    ("dataset", "classes"),
    [
        (numbers(9), 3),
        (Subset(numbers(9, 5), range(2)), 5),
        (ConcatDataset([numbers(9), numbers(9, 4)]), 4),
        (Subset(ConcatDataset([numbers(9), Subset(numbers(9, 6), [1])]), [0]), 6),
    ],
)
def test_classes_are_found_inside_of_torchs_wrappers(dataset: Any, classes: int) -> None:
    spec = open_source(dataset).spec
    assert spec is not None
    assert spec.classes == classes


def test_names_of_classes_are_found_inside_of_torchs_wrappers() -> None:
    named, other = numbers(9), numbers(9)
    named.classes, other.classes = ["a", "b", "c"], ["a", "b", "d"]  # type: ignore[attr-defined]
    for dataset, names in ((Subset(named, [1]), ("a", "b", "c")), (ConcatDataset([named, other]), ())):
        spec = open_source(dataset).spec
        assert spec is not None
        assert (spec.classes, spec.class_names) == (3, names)
