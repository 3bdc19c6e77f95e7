"""Streams and tables of Hugging Face's `datasets`: shuffled by the run's seed, resumed, shared by workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sweepboard.compat.huggingface import loses_samples
from sweepboard.data.stream_share import fresh_copy
from sweepboard.testing import DataSuite
from tests.command import Command, check_resumed

pytest.importorskip("datasets")
pytestmark = pytest.mark.filterwarnings("ignore:To copy construct from a tensor:UserWarning")  # by datasets

OWN = '''
import datasets


def table(size=60):
    """Pairs as dictionaries: four numbers and a class."""
    rows = [{"x": [number / 60] * 4, "y": number % 2} for number in range(size)]
    return datasets.Dataset.from_list(rows).with_format("torch")


def pair(row):
    return row["x"], row["y"]


def stream(buffer=20, size=60):
    shards = table(size).to_iterable_dataset(num_shards=6)
    doubled = shards.map(lambda row: row | {"x": row["x"] * 2})
    return doubled if buffer is None else doubled.shuffle(3, buffer_size=buffer)


def collate(rows):
    from torch.utils.data import default_collate
    return default_collate([pair(row) for row in rows])
'''
WORDS = [
    "dataset.classes=2", "dataset.collate_fn=own.collate", "model=linear", "model.input_shape=[4]",
    "model.outputs=2",
    "dataset.batch_size=4", "threads=1", "logging.every_steps=1", "logging.images=0",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _own(command: Command) -> None:
    Path("own.py").write_text(OWN)


def made(name: str, **how: Any) -> Any:
    environment: dict[str, Any] = {}
    exec(OWN, environment)
    return environment[name](**how)


@pytest.mark.slow
class TestStream(DataSuite):
    classes = 2

    def dataset(self, folder: Path) -> Any:
        return made("stream")


@pytest.mark.parametrize(
    ("target", "more"),
    [("stream", {}), ("stream", {"buffer": None}), ("table", {})],
    ids=["shuffled", "mapped", "table"],
)
@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_resumed_run_goes_on_with_the_same_samples(
    target: str, more: dict[str, Any], workers: int, command: Command
) -> None:
    """15 batches a pass, or 8 of each of two workers: it stops in the second pass, and ends in the third."""
    given = [f"dataset.{key}={'null' if value is None else value}" for key, value in more.items()]
    words = [f"dataset._target_=own.{target}", *given, *WORDS, f"dataset.workers={workers}"]
    check_resumed(command, words, stop=20, end=35)


def test_each_pass_has_an_order_of_its_own() -> None:
    stream = made("stream")
    orders = []
    for epoch in (0, 1):
        copy = fresh_copy(stream)
        copy.set_epoch(epoch)
        orders.append([float(row["x"][0]) for row in copy])
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != orders[1]


def test_only_a_shuffle_buffer_loses_samples() -> None:
    plain = made("table").to_iterable_dataset(num_shards=6)
    shuffled = plain.shuffle(3, buffer_size=20)
    assert [*map(loses_samples, (shuffled, shuffled.map(dict), shuffled.filter(bool).take(9)))] == [True] * 3
    assert [*map(loses_samples, (plain, plain.map(dict), made("table"), object()))] == [False] * 4
