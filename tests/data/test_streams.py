"""Streams: passes over them, by any number of workers, taken up at any batch."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, TensorDataset, get_worker_info

from sweepboard.data.datasets.opening import open_source
from sweepboard.data.datasets.stream_source import Rebuilt, StreamSource
from sweepboard.data.prepare import prepare_data
from sweepboard.data.splits import batches_per_epoch, split_sizes
from sweepboard.data.stream_share import fresh_copy
from sweepboard.data.types import ENDLESS, Data
from sweepboard.errors import ConfigError, RunFailed, UserError
from sweepboard.settings import DatasetSettings, TrainerSettings
from sweepboard.training.checkpoint_file import packed, unpacked
from sweepboard.training.intervals import length

SIZE = 22


class Plain(IterableDataset[Any]):
    """Numbers in an order that each pass shuffles; every worker reads all of them."""

    def __init__(self, size: int = SIZE, draws: bool = True) -> None:
        self.size, self.draws = size, draws

    def numbers(self) -> list[int]:
        numbers = list(range(self.size))
        if self.draws:
            random.shuffle(numbers)
        return numbers

    def __iter__(self) -> Iterator[Any]:
        for number in self.numbers():
            yield {"x": torch.tensor(number), "noise": torch.rand(()) if self.draws else number / 4}


class Divided(Plain):
    """Each worker reads its own share."""

    def __iter__(self) -> Iterator[Any]:
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        for number in self.numbers()[first::step]:
            yield {"x": torch.tensor(number), "noise": torch.rand(())}


class Stateful(Plain):
    """Knows where it is, and how many samples it has had to read."""

    reads = 0

    def __init__(self, size: int = SIZE, draws: bool = False) -> None:
        super().__init__(size, draws)
        self.at, self.epoch = 0, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[Any]:
        while self.at < self.size:
            self.at += 1
            type(self).reads += 1
            yield {"x": torch.tensor(self.at - 1 + 1000 * self.epoch), "noise": torch.rand(())}

    def state_dict(self) -> dict[str, Any]:
        return vars(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        for number in count():
            yield torch.tensor(number), random.random()


class Sized(Plain):
    def __len__(self) -> int:
        return self.size


def prepared(stream: Any, **settings: Any) -> Data:
    chosen = DatasetSettings(**{"batch_size": 4, "eval_batch_size": 5, **settings})
    return prepare_data(open_source(stream), chosen, 3, torch.device("cpu"))


def plain(batch: Any) -> Any:
    if isinstance(batch, dict):
        return {name: plain(value) for name, value in batch.items()}
    return batch.tolist() if isinstance(batch, Tensor) else batch


def taken(data: Data, batches: int, epoch: int = 0, start: int = 0) -> list[Any]:
    return [plain(batch) for batch in islice(data.train.epoch(epoch, start), batches)]


STREAMS: dict[str, Callable[[], Any]] = {
    "plain": Plain,
    "divided": Divided,
    "stateful": Stateful,
    "generator": lambda: Rebuilt(lambda: iter(Plain())),
    "sized": Sized,
}


@pytest.mark.parametrize("workers", [0, 3])
@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_is_taken_up_at_any_batch(kind: str, workers: int, tmp_path: Path) -> None:
    """Six batches a pass of the endless ones: the position is in the third pass in the end."""
    make, settings = STREAMS[kind], {"workers": workers}
    many = 5 if kind == "sized" else 15
    whole = taken(prepared(make(), **settings), many)
    assert len(whole) == many
    for start in (4,) if workers == 3 else (1, 4) if kind == "sized" else (1, 7, 13):
        data = prepared(make(), **settings)
        assert taken(data, start) == whole[:start]
        state = unpacked(packed({"state": data.train.state_dict(0, start)}), tmp_path)["state"]
        assert state
        again = prepared(make(), **settings)
        again.train.load_state_dict(state)
        assert taken(again, many - start, start=start) == whole[start:], start
        assert taken(prepared(make(), **settings), many - start, start=start) == whole[start:]


@pytest.mark.parametrize("kind", ["plain", "generator", "stateful"])
def test_workers_change_nothing_where_a_stream_does_not_divide_itself(kind: str) -> None:
    alone = taken(prepared(STREAMS[kind]()), 15)
    for workers in (1, 2, 3):
        assert taken(prepared(STREAMS[kind](), workers=workers), 15) == alone
    assert sorted(number for batch in alone[:6] for number in batch["x"]) == list(range(SIZE))


def test_a_stream_that_divides_itself_gives_each_sample_once() -> None:
    data = prepared(Divided(), workers=3)
    once = taken(data, 6)  # 8, 7 and 7 samples: two batches for each worker
    assert sorted(number for batch in once for number in batch["x"]) == list(range(SIZE))
    assert [len(batch["x"]) for batch in once] == [4, 4, 4, 4, 3, 3]
    assert taken(prepared(Divided(), workers=3), 6) == once
    noise = [value for batch in once for value in batch["noise"]]
    assert len(set(noise)) == len(noise) - 2  # the first of each are seeded alike, as they may draw an order


def test_a_state_shortens_the_way() -> None:
    data = prepared(Stateful())
    taken(data, 4)
    state = data.train.state_dict(0, 4)
    for uses, reads in ((True, 4), (False, 20)):
        again = prepared(Stateful(), stream_state=uses)
        again.train.load_state_dict(state if uses else {**state, "states": []})
        Stateful.reads = 0
        taken(again, 1, start=4)
        assert Stateful.reads == reads


def test_other_workers_take_up_only_what_was_not_divided() -> None:
    for kind, told in ((Plain, None), (Divided, "go on with dataset.workers=2")):
        whole = taken(prepared(kind(), workers=2), 10)
        data = prepared(kind(), workers=2)
        taken(data, 5)
        state, other = data.train.state_dict(0, 5), prepared(kind(), workers=1)
        if told is None:
            other.train.load_state_dict(state)
            assert taken(other, 5, start=5) == whole[5:]
        else:
            with pytest.raises(UserError, match=told):
                other.train.load_state_dict(state)


def test_the_last_batch_of_a_pass_is_left_out_if_it_is_small() -> None:
    batches = taken(prepared(Plain(), drop_last=True), 6)
    assert [len(batch["x"]) for batch in batches] == [4] * 6


def test_an_epoch_is_as_long_as_the_stream_says() -> None:
    data = prepared(Sized())
    assert len(data.train) == 6
    assert data.train.size == SIZE
    first, second = ([plain(batch) for batch in data.train.epoch(epoch)] for epoch in (0, 1))
    assert len(first) == len(second) == 6
    assert first != second
    assert [plain(batch) for batch in prepared(Sized()).train.epoch(1)] == second


def test_a_stream_without_a_length_needs_steps() -> None:
    source, settings = open_source(Endless()), DatasetSettings()
    assert source.spec is not None
    batches = batches_per_epoch(settings, source)
    assert batches == ENDLESS
    with pytest.raises(ConfigError, match=r"^trainer.steps: the data set is a stream .*trainer.steps=1000"):
        length(TrainerSettings(), batches)
    assert length(TrainerSettings(steps=30), batches) == (30, 30)
    assert length(TrainerSettings(epochs=2, limit_train_batches=10), batches) == (20, 10)
    assert "val" not in split_sizes(settings, source)


def test_pairs_of_a_stream_are_pairs() -> None:
    stream = Rebuilt(lambda: iter([(np.full((2, 2), i, np.uint8), i % 2) for i in range(6)]))
    source = open_source(stream, classes=2)
    assert source.spec is not None
    assert source.spec.input_shape == (1, 2, 2)
    data = prepare_data(source, DatasetSettings(batch_size=3), 0, torch.device("cpu"))
    inputs, targets = next(data.train.epoch(0))
    torch.testing.assert_close(inputs[:, 0, 0, 0], torch.tensor([0.0, 1.0, 2.0]) / 255)
    assert targets.tolist() == [0, 1, 0]
    assert isinstance(source, StreamSource)
    assert torch.equal(source.samples(3)[0], inputs)
    assert torch.equal(data.train.first(3)[0], inputs)


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_evaluated_is_one_pass_and_the_same_each_time(workers: int) -> None:
    source = open_source(Endless(), Plain(), val=TensorDataset(torch.rand(7, 1), torch.rand(7)))
    assert dict(split_sizes(DatasetSettings(), source)) == {"train": ENDLESS, "test": ENDLESS, "val": 7}
    source = open_source(Plain(), Plain(13), val=Divided(9))
    settings = DatasetSettings(eval_batch_size=5, workers=workers)
    data = prepare_data(source, settings, 0, torch.device("cpu"))
    for batches, samples in ((data.test, 13), (data.val, 9)):
        assert batches is not None
        once, again = ([plain(batch) for batch in batches.epoch(epoch)] for epoch in (0, 1))
        assert once == again
        assert sorted(number for batch in once for number in batch["x"]) == list(range(samples))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_that_ends_at_once_or_breaks_is_told(workers: int) -> None:
    class Broken(Plain):
        def __iter__(self) -> Iterator[Any]:
            yield from islice(super().__iter__(), 9)
            raise OSError("connection lost")

    with pytest.raises(RunFailed, match=r"^the stream Broken cannot be read \(connection lost\)"):
        taken(prepared(Broken(), workers=workers), 5)
    with pytest.raises(ConfigError, match="dataset: Plain is empty"):
        prepared(Plain(0))
    with pytest.raises(RunFailed, match="the stream Plain ended without a batch"):
        taken(prepared(Plain(3), drop_last=True, workers=workers), 1)


def test_each_pass_is_read_from_a_fresh_copy() -> None:
    """What a stream counts or draws for itself would be another after a resume."""

    class Counting(Plain):
        def __init__(self) -> None:
            super().__init__(8)
            self.begun, self.own, self.large = [0], random.Random(4), torch.zeros(1 << 19)

        def numbers(self) -> list[int]:
            self.begun[0] += 1
            return [100 * self.begun[0] + number for number in self.own.sample(range(8), 8)]

    stream = Counting()
    data = prepared(stream)
    assert taken(data, 6)[4:] == taken(prepared(Counting()), 2, start=4)
    assert data.train.first(8)["x"].min() >= 100
    assert stream.begun == [0]
    copied = fresh_copy(stream)
    assert copied.large is stream.large
    assert copied.own is not stream.own

    class Locked(Counting):
        def __init__(self) -> None:
            super().__init__()
            self.lock = threading.Lock()

    assert taken(prepared(Locked()), 2)


def test_a_state_that_no_checkpoint_can_hold_is_told() -> None:
    class Odd(Plain):
        def state_dict(self) -> dict[str, Any]:
            return {"generator": random.Random()}

    with pytest.raises(RunFailed, match=r"state_dict of the stream Odd holds a Random: .*stream_state=false"):
        taken(prepared(Odd()), 1)
    assert taken(prepared(Odd(), stream_state=False), 1)


@pytest.mark.parametrize(("settings", "told"), [({"augment": "flip"}, "dataset.augment: not for a stream")])
def test_what_does_not_go_with_a_stream_is_told(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        prepared(Plain(), **settings)


def test_streams_to_evaluate_on_beside_a_map_style_training_set() -> None:
    class Numbers(Dataset[Any]):
        def __init__(self, size: int) -> None:
            self.size = size

        def __len__(self) -> int:
            return self.size

        def __getitem__(self, index: int) -> dict[str, Any]:
            return {"x": torch.tensor(index), "noise": 0.5}

    settings = DatasetSettings(batch_size=4, eval_batch_size=4)

    def prepared(**streams: Any) -> Data:
        return prepare_data(open_source(Numbers(10), **streams), settings, 0, torch.device("cpu"))

    data = prepared(val=Plain(), test=Numbers(3))
    assert data.train.size == 10  # nothing is held out
    assert data.val is not None
    assert data.test is not None
    assert data.test.size == 3
    first = [batch["x"] for batch in data.val.epoch(0)]
    assert len(first) > 1
    assert all(torch.equal(one, batch["x"]) for one, batch in zip(first, data.val.epoch(3), strict=True))
    other = prepared(val=Sized())
    assert other.fingerprint != data.fingerprint
    assert prepared(test=Plain()).val is not None  # held out


class SharedEpoch(IterableDataset[Any]):
    """Keeps its epoch in a tensor, as streams of Hugging Face do, whose workers share it."""

    def __init__(self) -> None:
        self.epoch = torch.tensor(0)
        self.table = torch.zeros(1 << 19)

    def set_epoch(self, epoch: int) -> None:
        self.epoch.fill_(epoch)

    def __iter__(self) -> Iterator[int]:
        return iter([int(self.epoch)])


def test_copies_of_a_stream_have_epochs_of_their_own_and_one_table() -> None:
    stream = SharedEpoch()
    first, second = fresh_copy(stream), fresh_copy(stream)
    first.set_epoch(1)
    second.set_epoch(2)
    assert [*first, *second, *stream] == [1, 2, 0]
    assert first.table is second.table is stream.table
