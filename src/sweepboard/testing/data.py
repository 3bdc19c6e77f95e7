"""The conformance suite of data sets and streams."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from sweepboard.data.datasets.opening import open_source
from sweepboard.data.datasets.stream_source import Rebuilt
from sweepboard.data.datasets.variety import digest_of
from sweepboard.data.prepare import prepare_data
from sweepboard.data.sampling import ConfiguredSource, Sampling
from sweepboard.data.seeds import seeded_construction
from sweepboard.data.streams import StreamBatches
from sweepboard.data.types import Batches, Data, Source
from sweepboard.settings import DatasetSettings
from sweepboard.training.checkpoint_file import packed, unpacked

_PASS = 10_000
"""Number of samples of a pass that are compared; a stream that has more counts as endless."""


class DataSuite(ABC):
    """Subclass it in a class whose name begins with `Test`, and implement `dataset`."""

    batch_size: int = 4
    batches: int = 12
    """Number of batches of an epoch that are compared."""

    workers: int = 2
    stream_state: bool = True
    """Whether a stream is resumed by its own `state_dict`, if it has one (`dataset.stream_state`)."""

    classes: int | None = None
    """The number of classes, where the data set itself does not say it (`dataset.classes`)."""

    @abstractmethod
    def dataset(self, folder: Path) -> Any:
        """Return a new data set or stream, as each process that trains on it makes it.

        `folder` is empty at first, and the same for all data sets of a test.
        """

    def collate_fn(self) -> Callable[[Sequence[Any]], Any] | None:
        """Return the collate function (`dataset.collate_fn`), if it needs one."""
        return None

    def sampler(self, samples: Any) -> Any:
        """Return a sampler of the training samples (`dataset.sampler`), if it has one."""
        del samples
        return None

    def test_it_gives_batches(self, tmp_path: Path) -> None:
        assert self._read(self._data(tmp_path).train), "there is no batch"

    def test_an_epoch_is_a_function_of_its_number_and_the_seed(self, tmp_path: Path) -> None:
        data = self._data(tmp_path)
        first, second = (self._read(data.train, epoch) for epoch in (0, 1))
        fresh = self._data(tmp_path)
        assert self._read(fresh.train, 1) == second, "epoch 1 is another if epoch 0 was not read before"
        assert self._read(fresh.train, 0) == first, "epoch 0 is another in another process, or after epoch 1"

    def test_a_run_goes_on_in_the_middle_of_an_epoch(self, tmp_path: Path) -> None:
        for workers in (0, self.workers):
            whole = self._read(self._data(tmp_path, workers=workers).train, 1)
            for start in sorted({1, len(whole) // 2, len(whole) - 1} & {*range(1, len(whole))}):
                self._check_resume(tmp_path, workers, start, whole)

    def test_workers_change_no_batch(self, tmp_path: Path) -> None:
        alone = self._data(tmp_path).train
        if not isinstance(alone, StreamBatches):
            with_workers = self._data(tmp_path, workers=self.workers).train
            message = f"the batches of {self.workers} workers are others"
            assert self._read(alone) == self._read(with_workers), message

    def test_workers_share_the_samples_of_a_stream(self, tmp_path: Path) -> None:
        if not isinstance(self._data(tmp_path).train, StreamBatches):
            return
        alone, other_seed = (self._samples_of_a_pass(tmp_path, 0, seed) for seed in (0, 1))
        shared = self._samples_of_a_pass(tmp_path, self.workers)
        if len(alone) >= _PASS:
            return
        assert len(shared) == len(alone), (
            f"{self.workers} workers give {len(shared)} samples, one gives {len(alone)}: one that divides "
            "itself asks torch's get_worker_info before its first sample, and each sample has one worker"
        )
        if sorted(alone) == sorted(other_seed):  # else its samples draw random numbers
            assert sorted(shared) == sorted(alone), f"the samples of {self.workers} workers are others"

    def test_an_evaluation_repeats(self, tmp_path: Path) -> None:
        once, again = (self._evaluated(tmp_path, 0) for _ in range(2))
        assert once == again, "what is evaluated is another each time"
        batches = self._evaluation(tmp_path, 0)
        if batches is not None:
            assert self._read(batches, 0) == self._read(batches, 1), "a second evaluation sees other samples"

    def _check_resume(self, folder: Path, workers: int, start: int, whole: list[str]) -> None:
        stopped = self._data(folder, workers=workers).train
        given = len(list(islice(stopped.epoch(1), start)))
        assert given == start, f"epoch 1 gives {given} batches, and gave {len(whole)} or more before"
        state = unpacked(packed({"state": stopped.state_dict(1, start)}), folder)["state"]
        resumed = self._data(folder, workers=workers).train
        resumed.load_state_dict(state)
        found = self._read(resumed, 1, start)[: len(whole) - start]
        assert found == whole[start:], (
            f"after batch {start} a resumed run goes on with other batches (with {workers} workers): the "
            "order is no function of seed and epoch, or state_dict leaves something out"
        )

    def _source(self, folder: Path, test: bool = False) -> Source:
        made = [self._new(folder) for _ in range(2 if test else 1)]
        source = open_source(made[0], made[1] if test else None, self.classes, collate_fn=self.collate_fn())
        if self.sampler(made[0]) is None:
            return source
        return ConfiguredSource(source, Sampling("dataset.sampler", self.sampler, True, in_batches=False))

    def _new(self, folder: Path) -> Any:
        with seeded_construction("dataset"):  # as in a run
            made = self.dataset(folder)
        return Rebuilt(lambda: self.dataset(folder)) if hasattr(made, "__next__") else made

    def _data(self, folder: Path, seed: int = 0, test: bool = False, **settings: Any) -> Data:
        chosen = {"batch_size": self.batch_size, "eval_batch_size": self.batch_size, "val_fraction": 0.0}
        chosen["stream_state"] = self.stream_state
        source = self._source(folder, test)
        return prepare_data(source, DatasetSettings(**{**chosen, **settings}), seed, torch.device("cpu"))

    def _evaluation(self, folder: Path, workers: int) -> Batches | None:
        """Return the batches of the data set as a test set; of one that has a test set, those."""
        own = all(hasattr(self._new(folder), name) for name in ("spec", "sizes", "load"))
        return self._data(folder, test=not own, workers=workers).test

    def _evaluated(self, folder: Path, workers: int) -> list[str]:
        batches = self._evaluation(folder, workers)
        return [] if batches is None else self._read(batches)

    def _samples_of_a_pass(self, folder: Path, workers: int, seed: int = 0) -> list[str]:
        data = self._data(folder, seed, test=True, workers=workers, eval_batch_size=1)
        assert data.test is not None
        return [digest_of(batch) for batch in islice(data.test.epoch(0), _PASS)]

    def _read(self, batches: Batches, epoch: int = 0, start: int = 0) -> list[str]:
        return [digest_of(batch) for batch in islice(batches.epoch(epoch, start), self.batches)]
