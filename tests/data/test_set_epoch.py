"""A map-style data set with `set_epoch` is told the epoch before its samples are read."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from sweepboard.data.datasets.opening import open_source
from sweepboard.data.prepare import prepare_data
from sweepboard.settings import DatasetSettings


class Curriculum(Dataset[Any]):
    """Numbers that tell the epoch, and what was drawn at its begin."""

    def __init__(self, pairs: bool) -> None:
        self.pairs, self.epoch, self.drawn, self.told = pairs, -1, 0.0, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch, self.drawn, self.told = epoch, float(torch.rand(())), self.told + 1

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> Any:
        values = torch.tensor([float(self.epoch), self.drawn, float(index)])
        return (values, index % 2) if self.pairs else {"values": values}


def values(batch: Any) -> Tensor:
    found: Tensor = batch[0] if isinstance(batch, tuple | list) else batch["values"]
    return found


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("pairs", [True, False])
def test_samples_are_those_of_their_epoch(workers: int, pairs: bool) -> None:
    dataset = Curriculum(pairs)
    settings = DatasetSettings(batch_size=3, eval_batch_size=3, val_fraction=0.25, workers=workers)
    source = open_source(dataset, None, 2 if pairs else None)
    data = prepare_data(source, settings, 0, torch.device("cpu"))
    assert data.val is not None
    drawn = []
    for epoch in (0, 2, 1, 2):
        seen = torch.cat([values(batch) for batch in data.train.epoch(epoch)])
        assert set(seen[:, 0].tolist()) == {epoch}
        assert len(set(seen[:, 1].tolist())) == 1
        drawn.append(float(seen[0, 1]))
        held_out = torch.cat([values(batch) for batch in data.val.epoch(0)])
        assert set(held_out[:, 0].tolist()) == {0}
    assert drawn[1] == drawn[3]
    assert len(set(drawn)) == 3


def test_it_is_told_once_for_each_epoch() -> None:
    dataset = Curriculum(pairs=False)
    settings = DatasetSettings(batch_size=3, val_fraction=0.0, workers=0)
    data = prepare_data(open_source(dataset), settings, 0, torch.device("cpu"))
    before = dataset.told
    for epoch in (1, 2):
        assert len(list(data.train.epoch(epoch))) == 4
    assert dataset.told == before + 2
