"""DataLoader workers that lose a batch, cannot start or get stuck: a line with the remedy, nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from multiprocessing import active_children
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

from sweepboard.compat.torch import end_workers
from sweepboard.data import loading, shared_memory
from sweepboard.data.datasets.fashion_mnist import FashionMini
from sweepboard.data.datasets.opening import open_source
from sweepboard.data.loader_worker import as_failure, own_sigchld_handler
from sweepboard.data.prepare import prepare_data
from sweepboard.data.types import Batch, Data, DataSpec
from sweepboard.errors import DamagedFile, RunFailed
from sweepboard.settings import DatasetSettings

CPU = torch.device("cpu")

WORDS = ["trainer.epochs=1", "model=linear", "threads=1", "logging=minimal", "trainer.limit_train_batches=9"]
BIG = """
import torch
from torch.utils.data import Dataset

class Big(Dataset):
    num_classes = 2
    def __init__(self, numbers=1 << 20):
        self.numbers = numbers
    def __len__(self):
        return 40
    def __getitem__(self, index):
        return torch.full((self.numbers,), float(index)), index % 2
"""


class Trouble(Dataset[tuple[Tensor, int]]):
    """Twenty samples, the eighth of which is trouble of some `kind`."""

    num_classes = 2

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        if index == 7:
            getattr(self, self.kind)()
        return torch.full((4,), float(index)), index % 2

    def stuck(self) -> None:
        import time

        time.sleep(1000)

    def raises_a_local_class(self) -> None:
        class Odd(Exception):
            pass

        raise Odd("the eighth sample is odd")

    def raises_what_cannot_be_unpickled(self) -> None:
        raise TwoWords("cannot", "be read")

    def raises_what_needs_a_keyword(self) -> None:
        raise Keyword(path="cannot be read")

    def raises_what_holds_a_lock(self) -> None:
        raise Locked("cannot be read")

    def leaves(self) -> None:
        os._exit(0)

    def is_killed(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def calls_sys_exit(self) -> None:
        sys.exit(0)


class TwoWords(DamagedFile):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


class Keyword(DamagedFile):
    def __init__(self, *, path: str) -> None:
        super().__init__(path)


class Locked(DamagedFile):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.lock = threading.Lock()


def read(kind: str, timeout: int | None = None) -> None:
    settings = DatasetSettings(batch_size=2, workers=2, val_fraction=0, augment="none", timeout=timeout)
    list(prepare_data(open_source(Trouble(kind)), settings, 0, CPU).train.epoch(0))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("stuck", r"^DataLoader timed out after 1 seconds: a sample may be stuck; dataset.timeout=N waits"),
        ("raises_what_cannot_be_unpickled", r"^cannot be read$"),
        ("raises_what_needs_a_keyword", r"^cannot be read$"),
        ("raises_what_holds_a_lock", r"^cannot be read$"),
        ("calls_sys_exit", r"^the code called sys.exit\(0\)$"),
    ],
)
def test_a_batch_that_never_comes_is_one_line_and_no_worker_is_left(kind: str, message: str) -> None:
    with pytest.raises(RunFailed, match=message):
        read(kind, timeout=1 if kind == "stuck" else None)
    assert active_children() == []


@pytest.mark.parametrize("kind", ["leaves", "is_killed"])
def test_a_dead_worker_is_noticed_long_before_the_time_limit(kind: str) -> None:
    with pytest.raises(RunFailed, match=r"^a DataLoader worker died"):
        read(kind, timeout=100_000)
    assert active_children() == []


@pytest.mark.parametrize("error", [FileNotFoundError(2, "No such file"), ConnectionResetError(), EOFError()])
def test_a_worker_that_died_before_its_batch_was_fetched_is_one_line(error: Exception) -> None:
    assert str(as_failure(error, None)).startswith("a DataLoader worker died")
    of_user_code = type(error)("Caught it in DataLoader worker process 0.")
    assert as_failure(of_user_code, None) is of_user_code


def test_a_worker_that_died_with_the_lock_of_an_event_does_not_keep_the_others_from_ending() -> None:
    with own_sigchld_handler():
        iterator: Any = iter(
            DataLoader(TensorDataset(torch.arange(8)), num_workers=1, multiprocessing_context="fork")
        )
    iterator._workers_done_event._cond.acquire()  # as a worker does that looks whether it is to end
    thread = threading.Thread(target=end_workers, args=(iterator,), daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert not any(worker.is_alive() for worker in iterator._workers)


def test_a_bug_whose_class_cannot_be_sent_stays_a_bug_with_its_traceback() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)^Caught.*in raises_a_local_class.*the eighth sample is odd"):
        read("raises_a_local_class")
    assert active_children() == []


@pytest.mark.parametrize("what", ["not enough", "an object"])
def test_what_cannot_be_sent_ends_the_worker_with_the_reason(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails in the thread that sends: the workers are forked, so they have what is patched here."""

    def unsendable(batch: Batch) -> object:
        return lambda: batch

    def full(batch: Batch) -> object:
        raise RunFailed("a worker found no shared memory")

    monkeypatch.setattr("sweepboard.data.loader_worker._shared", full if what == "not enough" else unsendable)
    words = {"not enough": "a worker found no shared", "an object": "could not send a batch: .*local object"}
    with pytest.raises(RunFailed, match=words[what]):
        read("stuck", timeout=60)
    assert active_children() == []


@pytest.mark.parametrize("started", [0, 1])
@pytest.mark.parametrize(
    "error", [BlockingIOError(11, "Resource temporarily"), OSError(12, "Resource: memory")]
)
def test_workers_that_cannot_be_started_are_one_line(
    started: int, error: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork = os.fork
    forked: list[int] = []

    def few() -> int:
        if len(forked) == started:
            raise error
        forked.append(1)
        return fork()

    monkeypatch.setattr(os, "fork", few)
    with pytest.raises(
        RunFailed, match=r"^dataset.workers=2: so many .* cannot be started: Resource.*; use fewer"
    ):
        read("stuck")
    monkeypatch.undo()
    assert active_children() == []


@pytest.mark.parametrize(("free", "pieces"), [(10**9, None), (200_000, 6), (1, 1)])
def test_pieces_fit_the_shared_memory_and_change_nothing(
    free: int, pieces: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_memory, "free_bytes", lambda: free)
    size = shared_memory.piece_size(DataSpec((1, 28, 28), classes=10), workers=1, prefetched=2)
    assert size == pieces or (pieces is None and size is not None and size > 1000)

    def batches(**settings: object) -> Data:
        plain = DatasetSettings(in_memory=False, batch_size=100, eval_batch_size=300, **settings)  # type: ignore[arg-type]
        return prepare_data(FashionMini(), plain, 0, CPU)

    helped, alone = batches(workers=1), batches()
    assert helped.val is not None
    assert alone.val is not None
    for ours, theirs in ((helped.train, alone.train), (helped.val, alone.val)):
        one, other = next(iter(ours.epoch(0))), next(iter(theirs.epoch(0)))
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def in_small_shared_memory(size: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`sweepboard` with words where /dev/shm has `size`, as in a container."""
    mount = f'mount -t tmpfs -o size={size} tmpfs /dev/shm && exec "$@"'
    command = ["unshare", "-m", "sh", "-c", mount, "sh", sys.executable, "-m", "sweepboard"]
    return subprocess.run(
        [*command, *WORDS, *words], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts")
def test_a_small_dev_shm(tmp_path: Path) -> None:
    (tmp_path / "big.py").write_text(BIG)
    loaded = ["dataset.in_memory=false", "dataset.workers=4"]
    done = in_small_shared_memory("1m", tmp_path, "dataset=fashion_mini", "dataset.batch_size=512", *loaded)
    assert done.returncode == 0, done.stderr
    big = in_small_shared_memory("1m", tmp_path, "dataset._target_=big.Big", "dataset.batch_size=4", *loaded)
    assert big.returncode == 1, big.stderr
    assert "Traceback" not in big.stderr
    (line,) = big.stderr.splitlines()
    assert line.startswith("sweepboard: a worker found no shared memory for 4.0 MiB of samples (")
    assert "--shm-size" in line


class OpensAtItsFirstSample(Dataset[tuple[Tensor, int]]):
    """As data sets in one large file are told to: one opened before the fork is shared by all workers."""

    num_classes = 2

    def __init__(self) -> None:
        self.opened_by: int | None = None

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        self.opened_by = self.opened_by or os.getpid()
        return torch.tensor([float(self.opened_by == os.getpid())]), index % 2


@pytest.mark.parametrize("split", ["train", "test"])
def test_no_worker_reads_through_a_file_that_this_process_has_opened(split: str) -> None:
    source = open_source(OpensAtItsFirstSample(), OpensAtItsFirstSample())
    settings = DatasetSettings(batch_size=2, workers=2, val_fraction=0)
    data = prepare_data(source, settings, 0, CPU)
    batches = getattr(data, split)
    batches.first(2)  # in this process
    assert torch.cat([inputs for inputs, _ in batches.epoch(0)]).eq(1).all()


class ReadsOneOpenFile(Dataset[tuple[Tensor, int]]):
    """Reads each sample from a file that was open before the workers were forked."""

    num_classes = 2

    def __init__(self, opened: BinaryIO, nested: bool) -> None:
        self.kept: Any = {"reader": [opened]} if nested else opened

    def __len__(self) -> int:
        return 2000

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        opened = self.kept["reader"][0] if isinstance(self.kept, dict) else self.kept
        opened.seek(8 * index)
        found = int.from_bytes(opened.read(4), "little") + int.from_bytes(opened.read(4), "little")
        return torch.tensor([float(found == 2 * index)]), index % 2


@pytest.mark.parametrize("buffering", [0, -1])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("deleted", [False, True])
def test_workers_that_share_an_open_file_read_the_right_samples(
    tmp_path: Path, buffering: int, nested: bool, deleted: bool
) -> None:
    path = tmp_path / "samples"
    path.write_bytes(b"".join(2 * number.to_bytes(4, "little") for number in range(2000)))
    with path.open("rb", buffering=buffering) as opened:
        data_set = ReadsOneOpenFile(opened, nested)
        if deleted:
            path.unlink()
        source = open_source(data_set, data_set)
        settings = DatasetSettings(batch_size=20, workers=3, val_fraction=0, in_memory=False)
        batches = prepare_data(source, settings, 0, CPU).train
        assert torch.cat([inputs for inputs, _ in batches.epoch(0)]).eq(1).all()


@pytest.mark.parametrize(
    ("workers", "threads", "there", "policy", "advice"),
    [
        (2, 2, 2, "", 1),
        (4, 8, 8, "active", 4),
        (2, 2, 2, "PASSIVE", None),
        (2, 2, 4, "", None),
        (4, 1, 2, "", None),
    ],
)
def test_workers_and_threads_that_share_too_few_cores_are_told_once(
    workers: int,
    threads: int,
    there: int,
    policy: str,
    advice: int | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", policy)
    monkeypatch.setattr(loading, "cores", lambda: there)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    loading.warn_of_few_cores.cache_clear()
    settings = DatasetSettings(in_memory=False, workers=workers, batch_size=100)
    data = prepare_data(open_source(FashionMini()), settings, 0, torch.device("cpu"))
    for split in (data.train, data.val):
        assert split is not None
        next(iter(split.epoch(0)))
    told = [f"and so may threads={advice}, which" in message for message in caplog.messages]
    assert told == ([] if advice is None else [True])
