"""Streams of webdataset: workers divide the shards, a resumed run goes on with the samples that come next."""

from __future__ import annotations

import io
import random
import tarfile
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweepboard.data.stream_share import fresh_copy
from sweepboard.testing import DataSuite
from tests.command import Command, check_resumed

SHARDS, SAMPLES = 6, 10

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*unclosed file:ResourceWarning", "ignore:.*tar:pytest.PytestUnraisableExceptionWarning"
)  # webdataset leaves a file open that is not read to its end

OWN = '''
import webdataset as wds


def shards(urls, shuffled=20, **how):
    """Pairs of four numbers and a class, from tar files."""
    stream = wds.WebDataset(urls, **{"shardshuffle": 100, **how})
    return stream.shuffle(shuffled).decode().to_tuple("x.npy", "y.cls")
'''

WORDS = [
    "dataset._target_=own.shards", "dataset.urls='shards/{0..5}.tar'", "dataset.classes=2", "model=linear",
    "dataset.batch_size=4", "threads=1", "logging.every_steps=1", "logging.images=0",
]  # fmt: skip


def write_shards(folder: Path) -> str:
    """Write tar files of samples, as webdataset reads them. Return their names in one."""
    folder.mkdir(exist_ok=True)
    for shard in range(SHARDS):
        with tarfile.open(folder / f"{shard}.tar", "w") as file:
            for number in range(shard * SAMPLES, (shard + 1) * SAMPLES):
                np.save(numbers := io.BytesIO(), np.full(4, number / 60, np.float32))
                for name, content in (("x.npy", numbers.getvalue()), ("y.cls", b"%d" % (number % 2))):
                    entry = tarfile.TarInfo(f"{number:05}.{name}")
                    entry.size = len(content)
                    file.addfile(entry, io.BytesIO(content))
    return str(folder / f"{{0..{SHARDS - 1}}}.tar")


def pipeline(folder: Path, **how: Any) -> Any:
    pytest.importorskip("webdataset")
    environment: dict[str, Any] = {}
    exec(OWN, environment)
    return environment["shards"](write_shards(folder / "shards"), **how)


@pytest.mark.slow
class TestShards(DataSuite):
    classes = 2

    def dataset(self, folder: Path) -> Any:
        return pipeline(folder)


@pytest.mark.parametrize(
    "how", [{}, {"detshuffle": True}, {"resampled": True, "shardshuffle": False}, {"shardshuffle": False}]
)
def test_every_shuffle_follows_the_global_generator(how: dict[str, Any], tmp_path: Path) -> None:
    stream = pipeline(tmp_path, **how)

    def read(seed: int) -> list[float]:
        random.seed(seed)
        return [float(numbers[0]) for numbers, _ in islice(fresh_copy(stream), 40)]

    assert read(1) == read(1)
    assert read(1) != read(2)
    assert sorted(read(3)) != read(3)


def test_a_seed_of_its_own_is_left_alone(tmp_path: Path) -> None:
    stream = pipeline(tmp_path, shuffled=0, shardshuffle=False).shuffle(20, seed=4)
    orders = []
    for seed in (1, 2):
        random.seed(seed)
        orders.append([float(numbers[0]) for numbers, _ in fresh_copy(stream)])
    assert orders[0] == orders[1] != sorted(orders[0])


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_resumed_run_goes_on_with_the_same_samples(command: Command, workers: int) -> None:
    """15 batches a pass, or 8 of each of two workers: it stops in the second pass, and ends in the third."""
    pytest.importorskip("webdataset")
    Path("own.py").write_text(OWN)
    write_shards(Path("shards"))
    words = [*WORDS, f"dataset.workers={workers}"]
    check_resumed(command, words, stop=20, end=35)
