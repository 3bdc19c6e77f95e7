"""What the ranks of a run read: together the batches of one process, each sample once."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch

from sweepboard.data.dealing import ALONE, Dealing, Surplus, dealt, part_of, rounds
from sweepboard.data.prepare import prepare_data
from sweepboard.data.types import Batches, Data, DataSpec, Splits, TensorSplit
from sweepboard.errors import RunFailed
from sweepboard.settings import DatasetSettings

CPU = torch.device("cpu")


class Pictures:
    """23 small images."""

    spec = DataSpec((1, 3, 4), classes=3)
    sizes: ClassVar = {"train": 23, "test": 23}

    def load(self) -> Splits:
        images = TensorSplit(torch.arange(23 * 12.0).reshape(23, 1, 3, 4), torch.arange(23) % 3)
        return Splits(train=images, test=images)


def data(dealing: Dealing = ALONE, **settings: Any) -> Data:
    chosen = {"batch_size": 10, "val_fraction": 0.0, "augment": "crop_flip", "drop_last": False, **settings}
    return prepare_data(Pictures(), DatasetSettings(**chosen), 0, CPU, dealing)


def shares(count: int, epoch: int) -> list[list[Any]]:
    return [list(data(Dealing(rank, count)).train.epoch(epoch)) for rank in range(count)]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_shares_of_a_batch_are_the_batch_as_one_process_augments_it(count: int) -> None:
    for epoch in (0, 1):
        for whole, *parts in zip(data().train.epoch(epoch), *shares(count, epoch), strict=True):
            own = [part for part in parts if not isinstance(part, Surplus)]
            sizes = [len(part[1]) for part in parts if not isinstance(part, Surplus)]
            assert max(sizes) - min(sizes) <= 1
            for place in (0, 1):
                assert torch.equal(torch.cat([part[place] for part in own]), whole[place])


def test_a_rank_without_a_sample_gets_one_that_does_not_count() -> None:
    last = [list(data(Dealing(rank, 4)).train.epoch(0))[-1] for rank in range(4)]  # 3 samples are left
    assert [isinstance(each, Surplus) for each in last] == [False, False, False, True]
    assert len(last[3].batch[1]) == 1


@pytest.mark.parametrize("limit", [None, 2, 4])
def test_batches_to_evaluate_go_around_whole(limit: int | None) -> None:
    split = data(validate_on="test", eval_batch_size=4).train
    plain = list(split.epoch(0))[:limit]
    turns = [list(rounds(split, limit, Dealing(rank, 2))) for rank in range(2)]
    assert len(turns[0]) == len(turns[1])
    dealt_out = [batch for turn in zip(*turns, strict=True) for batch in turn if batch is not None]
    assert all(torch.equal(one[0], other[0]) for one, other in zip(dealt_out, plain, strict=True))


class Numbers:
    """Batches of another kind than those of a split, as a stream gives them."""

    size = 6

    def __len__(self) -> int:
        return 2

    def epoch(self, epoch: int, start: int = 0) -> Any:
        for number in range(start, 2):
            yield {
                "x": torch.arange(3) + 3 * number,
                "name": ["a", "b", "c"],
                "pair": (torch.ones(3, 2), 1.0),
            }


def test_other_batches_are_divided_by_their_rows() -> None:
    batches: Batches = dealt(Numbers(), Dealing(1, 2))  # type: ignore[arg-type]
    found = list(batches.epoch(0))
    assert [each["x"].tolist() for each in found] == [[2], [5]]
    assert [each["name"] for each in found] == [["c"], ["c"]]
    assert found[0]["pair"][0].shape == (1, 2)
    assert [len(list(rounds(Numbers(), None, Dealing(rank, 3)))) for rank in range(3)] == [1, 1, 1]  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [torch.ones(2), object()])
def test_a_batch_that_cannot_be_divided_is_refused(value: object) -> None:
    with pytest.raises(RunFailed, match="cannot be divided among ranks"):
        part_of({"x": torch.ones(3), "other": value}, 3, range(1))
