"""The same batches, bit for bit: from memory or a DataLoader, whoever reads, wherever an epoch begins."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from sweepboard.data.datasets.opening import open_source
from sweepboard.data.prepare import prepare_data
from sweepboard.data.types import Batch, Batches, Data, DataSpec, Splits, TensorSplit
from sweepboard.errors import DamagedFile, RunFailed
from sweepboard.settings import DatasetSettings

CPU = torch.device("cpu")


class Pictures:
    """A source of 50 + 20 small colour images held in memory, whose labels are their numbers."""

    spec = DataSpec((3, 8, 8), classes=50, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    sizes = {"train": 50, "test": 20}  # noqa: RUF012

    def load(self) -> Splits:
        draws = torch.Generator().manual_seed(0)
        pixels = torch.randint(0, 256, (70, 3, 8, 8), dtype=torch.uint8, generator=draws)
        return Splits(TensorSplit(pixels[:50], torch.arange(50)), TensorSplit(pixels[50:], torch.arange(20)))


def prepared(source: Any = None, seed: int = 0, **settings: Any) -> Data:
    chosen = {"batch_size": 8, "eval_batch_size": 16, "augment": "crop_flip", **settings}
    return prepare_data(source or Pictures(), DatasetSettings(**chosen), seed, CPU)


def some(batches: Batches | None) -> Batches:
    assert batches is not None
    return batches


def same(one: Iterator[Batch] | list[Batch], other: Iterator[Batch] | list[Batch]) -> bool:
    return all(
        torch.equal(a[0], b[0]) and torch.equal(a[1], b[1])
        for a, b in zip(list(one), list(other), strict=True)
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_gives_what_memory_gives(workers: int) -> None:
    memory, loader = prepared(), prepared(in_memory=False, workers=workers)
    assert memory.fingerprint == loader.fingerprint
    for epoch in (0, 1):
        assert same(memory.train.epoch(epoch), loader.train.epoch(epoch))
        assert same(some(memory.val).epoch(epoch), some(loader.val).epoch(epoch))
    assert same(some(memory.test).epoch(0), some(loader.test).epoch(0))
    assert same([memory.train.first(5)], [loader.train.first(5)])
    assert len(memory.train) == len(loader.train)


@pytest.mark.parametrize("settings", [{}, {"in_memory": False}, {"in_memory": False, "workers": 2}], ids=str)
def test_an_epoch_is_taken_up_in_the_middle(settings: dict[str, Any]) -> None:
    train = prepared(**settings).train
    whole = list(train.epoch(2))
    for start in (0, 1, 5, len(train)):
        assert same(whole[start:], train.epoch(2, start=start))


def test_an_epoch_left_early_does_not_disturb_the_next() -> None:
    train, fresh = prepared(in_memory=False, workers=2).train, prepared().train
    next(iter(train.epoch(0)))
    assert same(train.epoch(1), fresh.epoch(1))


def test_every_epoch_visits_each_training_sample_once_in_another_order() -> None:
    data = prepared()
    orders = [torch.cat([targets for _, targets in data.train.epoch(epoch)]).tolist() for epoch in range(3)]
    held_out = torch.cat([targets for _, targets in some(data.val).epoch(0)]).tolist()
    assert len(held_out) == 5
    for order in orders:
        assert sorted(order + held_out) == list(range(50))
    assert len(set(map(tuple, orders))) == 3


def test_the_last_batch_is_smaller_or_left_out() -> None:
    def sizes(**settings: Any) -> list[int]:
        return [len(targets) for _, targets in prepared(**settings).train.epoch(0)]

    assert sizes() == [8] * 5 + [5]
    assert sizes(drop_last=True) == [8] * 5
    assert len(prepared(drop_last=True).train) == 5
    assert len(prepared().train) == 6


def test_inputs_are_standardised_per_channel() -> None:
    data = prepared(augment="none", val_fraction=0)
    split = Pictures().load().train
    assert isinstance(split, TensorSplit)
    inputs, targets = data.train.first(4)
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (Pictures.spec.mean, Pictures.spec.std))
    torch.testing.assert_close(inputs, (split.inputs[:4] / 255 - mean) / std)
    assert targets.tolist() == [0, 1, 2, 3]
    assert inputs.dtype == torch.float32


@pytest.mark.parametrize("settings", [{}, {"in_memory": False}, {"in_memory": False, "workers": 2}], ids=str)
def test_reading_leaves_the_global_generators_alone(settings: dict[str, Any]) -> None:
    data = prepared(source=open_source(Noisy()) if settings else None, augment="none", **settings)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]
    for _ in range(2):
        list(data.train.epoch(0))
    data.train.first(3)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), np.random.get_state()[1].tolist())  # type: ignore[index]


class Noisy(Dataset[Any]):
    """Someone's data set that draws from all three global generators."""

    classes = ("a", "b")

    def __len__(self) -> int:
        return 21

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.tensor(
            [torch.rand(()).item(), random.random(), np.random.rand(), float(index)]
        ), index % 2


def test_other_people_s_randomness_is_a_function_of_seed_epoch_and_sample() -> None:
    def data(seed: int = 0, workers: int = 0) -> Data:
        return prepared(open_source(Noisy()), seed, augment="none", workers=workers, batch_size=4)

    random.seed(5)
    alone, helped = data(), data(workers=2)
    assert same(alone.train.epoch(0), helped.train.epoch(0))
    assert same(alone.train.epoch(1), helped.train.epoch(1))
    assert same(alone.train.epoch(1, start=2), list(helped.train.epoch(1))[2:])
    assert same(some(alone.val).epoch(0), some(alone.val).epoch(7))

    def drawn(seed: int, epoch: int) -> dict[float, list[float]]:
        rows = torch.cat([inputs for inputs, _ in data(seed).train.epoch(epoch)]).tolist()
        return {row[3]: row[:3] for row in rows}

    first, later, other = drawn(0, 0), drawn(0, 1), drawn(1, 0)
    assert all(first[key] != later[key] for key in first)
    assert all(first[key] != other[key] for key in first.keys() & other.keys())
    assert len({tuple(row) for row in first.values()}) == len(first)


class Trouble(Dataset[Any]):
    """Sample 3 of 8 goes wrong in the way of `kind`."""

    classes = ("a", "b")

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if index == 3 and self.kind == "damaged":
            raise OSError("truncated file")
        if index == 3 and self.kind == "bug":
            raise RuntimeError("a bug of theirs")
        if index == 3 and self.kind == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.zeros(2), 2 if index == 3 and self.kind == "class" else 0


def read_trouble(kind: str, workers: int) -> None:
    data = prepared(open_source(Trouble(kind)), augment="none", val_fraction=0, workers=workers, batch_size=2)
    list(data.train.epoch(0))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_sample_that_cannot_be_read_is_named_in_one_line(workers: int) -> None:
    with pytest.raises(DamagedFile, match=r"^sample 3 of Trouble cannot be read \(truncated file\)$"):
        read_trouble("damaged", workers)


def test_a_class_out_of_range_is_named() -> None:
    with pytest.raises(RunFailed, match=r"^sample 3 of Trouble has class 2, but there are 2 classes"):
        read_trouble("class", workers=0)


@pytest.mark.slow
def test_a_dead_worker_fails_the_run_in_one_line() -> None:
    with pytest.raises(RunFailed, match=r"^a DataLoader worker died.*dataset.workers=0"):
        read_trouble("killed", workers=1)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bug_in_their_code_stays_a_bug(workers: int) -> None:
    with pytest.raises(RuntimeError, match="a bug of theirs"):
        read_trouble("bug", workers)


class Pids(Dataset[Any]):
    """Gives the process that reads, and how it treats SIGINT and SIGTERM (1: ignores)."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> tuple[Tensor, float]:
        ignored = [signal.getsignal(number) is signal.SIG_IGN for number in (signal.SIGINT, signal.SIGTERM)]
        return torch.tensor([os.getpid(), *map(int, ignored)], dtype=torch.float64).float(), 0.0


def test_workers_stay_and_ignore_polite_signals() -> None:
    data = prepared(open_source(Pids()), augment="none", val_fraction=0, workers=2, batch_size=2)
    seen = [torch.cat([inputs for inputs, _ in data.train.epoch(epoch)]) for epoch in (0, 1)]
    assert set(seen[0][:, 0].tolist()) == set(seen[1][:, 0].tolist())
    assert len(set(seen[0][:, 0].tolist())) == 2
    assert float(os.getpid()) not in seen[0][:, 0].tolist()
    assert bool((seen[0][:, 1:] == 1).all())


def test_the_main_process_keeps_its_sigchld_handler() -> None:
    before = signal.getsignal(signal.SIGCHLD)
    data = prepared(in_memory=False, workers=1)
    next(iter(data.train.epoch(0)))
    assert signal.getsignal(signal.SIGCHLD) is before


SCRIPT = """
import multiprocessing, sys, time, torch
from sweepboard.data.prepare import prepare_data
from sweepboard.data.datasets.synthetic import Gaussian
from sweepboard.settings import DatasetSettings
data = prepare_data(Gaussian(), DatasetSettings(in_memory=False, workers=1), 0, torch.device("cpu"))
kept = data.train.epoch(0)
next(kept)
print(*(worker.pid for worker in multiprocessing.active_children()), flush=True)
time.sleep(float(sys.argv[1]))
"""


def test_a_process_ends_though_its_workers_are_alive() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT, "0"], timeout=60, check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch takes some seconds to notice")
def test_workers_die_with_a_killed_run() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "600"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        assert is_alive(worker)
        process.kill()
    wait_until_gone(worker)


NEWBORN = """
import os, sys, time
def is_born():
    print(os.getpid(), flush=True)
    time.sleep(2)  # its run is killed before the worker has come as far as to say that it shall die with it
os.register_at_fork(after_in_child=is_born)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch takes some seconds to notice")
def test_a_worker_that_is_just_being_born_dies_too() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", NEWBORN + SCRIPT, "600"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        process.kill()
    wait_until_gone(worker)


def wait_until_gone(worker: int) -> None:
    until = time.monotonic() + 30
    while is_alive(worker) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_alive(worker)


def is_alive(pid: int) -> bool:
    """Running, not merely waiting for somebody to read its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_failed_epoch_leaves_no_worker_behind() -> None:
    before = set(multiprocessing.active_children())
    for kind in ("damaged", "bug"):
        with pytest.raises(Exception, match=r"truncated|a bug of theirs"):
            read_trouble(kind, workers=1)
    assert set(multiprocessing.active_children()) <= before
