"""Our own data sets keep the contract, and the suite finds those that do not."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, WeightedRandomSampler, get_worker_info

from sweepboard.data import FashionMini, Gaussian, TokenFile
from sweepboard.errors import ConfigError
from sweepboard.testing import DataSuite


class TestFashionMini(DataSuite):
    batch_size = 64

    def dataset(self, folder: Path) -> Any:
        return FashionMini()


class TestWeighted(DataSuite):
    def dataset(self, folder: Path) -> Any:
        return Gaussian(samples=20, features=2, classes=2)

    def sampler(self, samples: Any) -> Any:
        return WeightedRandomSampler([1.0] * 20, 30)


class TestTokenFile(DataSuite):
    def dataset(self, folder: Path) -> Any:
        np.arange(1000, dtype=np.uint16).tofile(folder / "tokens.bin")
        return TokenFile(str(folder / "tokens.bin"), block_size=10, random=True)


class Texts(Dataset[str]):
    """Texts of several lengths, with random case."""

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> str:
        return "".join(random.choice("ab") for _ in range(index + 1))


def padded(texts: Sequence[str]) -> dict[str, Any]:
    ids = torch.zeros(len(texts), max(map(len, texts)), dtype=torch.int64)
    for row, text in zip(ids, texts, strict=True):
        row[: len(text)] = torch.tensor(list(map(ord, text)))
    return {"ids": ids, "texts": list(texts)}


class TestTexts(DataSuite):
    def dataset(self, folder: Path) -> Any:
        return Texts()

    def collate_fn(self) -> Callable[[Sequence[Any]], Any]:
        return padded


class Numbers(IterableDataset[dict[str, int]]):
    """A stream that shuffles, divides itself, and knows where it is."""

    def __init__(self, **faults: bool) -> None:
        self.at, self.epoch, self.faults = 0, 0, faults

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[dict[str, int]]:
        info = get_worker_info()
        first, step = (info.id, info.num_workers) if info else (0, 1)
        if self.faults.get("overlaps") and info:
            first, step = 0, 1
        seed = time.time_ns() if self.faults.get("by the clock") else self.epoch
        numbers = random.Random(seed).sample(range(30), 30)[first::step]
        while self.at < len(numbers):
            self.at += 1
            yield {"x": numbers[self.at - 1]}

    def state_dict(self) -> dict[str, Any]:
        return {"at": self.at - 1 if self.faults.get("one behind") else self.at}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.at = 0 if self.faults.get("not loaded") else state["at"]


class TestNumbers(DataSuite):
    def dataset(self, folder: Path) -> Any:
        return Numbers()


class TestGenerator(DataSuite):
    def dataset(self, folder: Path) -> Any:
        return ({"x": number, "noise": random.random()} for number in range(25))


class Counting(Texts):
    """Each read of a sample gives another."""

    reads = 0

    def __getitem__(self, index: int) -> Any:
        self.reads += 1
        return {"x": index, "reads": self.reads}


class ByProcess(Texts):
    """The samples of a worker are others."""

    def __getitem__(self, index: int) -> Any:
        return {"x": index + 100 * (get_worker_info() is not None)}


class OwnGenerator(Texts):
    """Draws from a generator that no seed reaches."""

    def __init__(self) -> None:
        self.random = random.Random()

    def __getitem__(self, index: int) -> Any:
        return {"x": index, "noise": self.random.random()}


class Buffered(Numbers):
    """Shuffles through a buffer that its state leaves out."""

    def __iter__(self) -> Iterator[dict[str, int]]:
        buffer: list[dict[str, int]] = []
        for number in super().__iter__():
            buffer.append(number)
            if len(buffer) > 4:
                yield buffer.pop(0)
        yield from buffer


class Hidden:
    """A sampler with randomness of its own."""

    def __init__(self) -> None:
        self.random = random.Random()

    def __len__(self) -> int:
        return 20

    def __iter__(self) -> Iterator[int]:
        return iter(self.random.sample(range(20), 20))


EPOCH, RESUME, WORKERS, SHARES, EVALUATION = (
    "test_an_epoch_is_a_function_of_its_number_and_the_seed",
    "test_a_run_goes_on_in_the_middle_of_an_epoch",
    "test_workers_change_no_batch",
    "test_workers_share_the_samples_of_a_stream",
    "test_an_evaluation_repeats",
)
OTHER_EPOCH = {EPOCH: "epoch 1 is another if epoch 0 was not read before"}
OTHER_REST = {RESUME: r"after batch 1 a resumed run goes on with other batches \(with 0 workers\)"}
OTHER_BATCHES = {WORKERS: "the batches of 2 workers are others"}
OTHER_EVALUATION = {EVALUATION: "what is evaluated is another each time"}
OTHER_SAMPLES = {SHARES: "the samples of 2 workers are others"}

FAULTS: dict[str, tuple[Callable[[], Any], dict[str, str]]] = {
    "order by the clock": (
        lambda: Numbers(**{"by the clock": True}),
        OTHER_EPOCH | OTHER_REST | OTHER_SAMPLES | OTHER_EVALUATION,
    ),
    "state not loaded": (lambda: Numbers(**{"not loaded": True}), OTHER_REST),
    "state saved wrong": (lambda: Numbers(**{"one behind": True}), OTHER_REST),
    "workers overlap": (
        lambda: Numbers(overlaps=True),
        {SHARES: "2 workers give 60 samples, one gives 30"},
    ),
    "samples vary": (
        Counting,
        OTHER_EPOCH | OTHER_REST | OTHER_BATCHES | {EVALUATION: "a second evaluation sees other samples"},
    ),
    "buffer not saved": (Buffered, OTHER_REST),
    "samples of a generator of its own": (
        OwnGenerator,
        OTHER_EPOCH | OTHER_REST | OTHER_BATCHES | OTHER_EVALUATION,
    ),
    "workers change samples": (ByProcess, OTHER_BATCHES),
}
TESTS = [name for name in vars(DataSuite) if name.startswith("test_")]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, tmp_path: Path) -> None:
    """Each check that a fault breaks fails with its message, and the others pass."""
    make, expected = FAULTS[fault]

    class Suite(DataSuite):
        def dataset(self, folder: Path) -> Any:
            return make()

    for name in TESTS:
        (folder := tmp_path / name).mkdir()
        fails = pytest.raises(AssertionError, match=expected[name]) if name in expected else nullcontext()
        with fails:
            getattr(Suite(), name)(folder)


def test_a_hidden_sampler_is_found(tmp_path: Path) -> None:
    class Suite(TestTexts):
        def sampler(self, samples: Any) -> Any:
            return Hidden()

    with pytest.raises(ConfigError, match=r"dataset\.sampler: Hidden gives another order each time"):
        Suite().test_it_gives_batches(tmp_path)
