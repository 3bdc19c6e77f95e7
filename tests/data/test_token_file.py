"""Windows of a packed file of tokens."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sweepboard.data import TokenFile
from sweepboard.data.datasets.opening import open_source
from sweepboard.data.datasets.plain_samples import Plain
from sweepboard.data.prepare import prepare_data
from sweepboard.data.types import Data
from sweepboard.errors import ConfigError, RunFailed
from sweepboard.settings import DatasetSettings


@pytest.fixture
def path(tmp_path: Path) -> str:
    file = tmp_path / "train.bin"
    np.arange(101, dtype=np.uint16).tofile(file)
    return str(file)


def prepared(dataset: Any, **settings: Any) -> Data:
    chosen = DatasetSettings(**{"batch_size": 3, "val_fraction": 0.0, **settings})
    return prepare_data(
        open_source(dataset, plain=Plain(remedy="dataset.val")), chosen, 0, torch.device("cpu")
    )


def starts(data: Data, epoch: int) -> list[int]:
    return [int(window[0]) for inputs, _ in data.train.epoch(epoch) for window in inputs]


def test_windows_are_side_by_side_and_moved_on_by_one(path: str) -> None:
    windows = TokenFile(path, block_size=10)
    assert len(windows) == 10
    inputs, targets = windows[3]
    assert inputs.tolist() == list(range(30, 40))
    assert targets.tolist() == list(range(31, 41))
    assert inputs.dtype == targets.dtype == torch.int64
    data = prepared(windows, val_fraction=0.2)
    assert data.spec is None
    assert data.val is not None
    held_out = [int(inputs[0, 0]) for inputs, _ in data.val.epoch(0)]
    assert sorted(starts(data, 0)) != starts(data, 0)
    assert not {*starts(data, 0)} & {*held_out}


@pytest.mark.parametrize("workers", [0, 2])
def test_random_windows_are_a_function_of_seed_epoch_and_index(path: str, workers: int) -> None:
    data = prepared(TokenFile(path, 10, random=True), workers=workers)
    first, second = starts(data, 0), starts(data, 1)
    assert first != second
    assert any(start % 10 for start in first)
    again = prepared(TokenFile(path, 10, random=True), workers=2 - workers)
    assert starts(again, 1) == second
    with pytest.raises(ConfigError, match=r"random transforms.*type dataset\.val"):
        prepared(TokenFile(path, 10, random=True), val_fraction=0.5)


class BySample(TokenFile):
    """A class of somebody's own, which may change its samples: it is read sample by sample."""


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("random", [False, True])
def test_whole_batches_are_those_of_single_samples(
    path: str, random: bool, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    single = prepared(BySample(path, 10, random=random))
    windows = prepared(TokenFile(path, 10, random=random), workers=workers)
    expected = [list(single.train.epoch(epoch)) for epoch in range(2)]
    monkeypatch.delattr(TokenFile, "__getitem__")
    for epoch, batches in enumerate(expected):
        for batch, other in zip(windows.train.epoch(epoch), batches, strict=True):
            assert type(batch) is type(other) is list
            for part, same in zip(batch, other, strict=True):
                assert torch.equal(part, same)
                assert part.dtype == same.dtype
                assert part.is_contiguous()


def test_other_types_and_files(path: str, tmp_path: Path) -> None:
    np.save(tmp_path / "ids.npy", np.arange(21, dtype=np.int32))
    assert TokenFile(str(tmp_path / "ids.npy"), 5)[1][0].tolist() == [5, 6, 7, 8, 9]
    copied = pickle.loads(pickle.dumps(TokenFile(path, 10)))
    assert torch.equal(copied[2][0], TokenFile(path, 10)[2][0])
    before = TokenFile(path, 10).digest()
    with Path(path).open("r+b") as file:
        file.write(b"\1\1")
    assert TokenFile(path, 10).digest() != before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"dtype": "float32"}, "dataset.dtype=float32: choose from uint8, uint16"),
        ({"block_size": 0}, "dataset.block_size must be at least 1"),
        ({"block_size": 101}, "dataset.block_size=101: .* has 101 tokens, and a window needs 102"),
        ({"dtype": "uint32"}, "dataset.dtype: .* has 202 bytes, no multiple of a uint32"),
        ({"path": "nowhere.bin"}, "dataset.path: there is no file nowhere.bin"),
    ],
)
def test_what_does_not_fit_is_told(path: str, arguments: dict[str, Any], told: str) -> None:
    with pytest.raises((ConfigError, RunFailed), match=f"^{told}"):
        TokenFile(**{"path": path, "block_size": 10, **arguments})
