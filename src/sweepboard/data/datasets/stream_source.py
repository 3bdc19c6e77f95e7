"""Use a stream: a torch `IterableDataset`, a data set of Hugging Face or webdataset, a generator function."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from typing import Any

import torch
from torch.utils.data import IterableDataset

from sweepboard.compat.huggingface import loses_samples
from sweepboard.data.collate import Collate, collate_function, collated
from sweepboard.data.datasets.collated_split import CollatedSplit
from sweepboard.data.datasets.input_target import Unfit, pair_of
from sweepboard.data.datasets.pair_split import PairSplit, check_pair, spec_of
from sweepboard.data.datasets.reading import name_of
from sweepboard.data.datasets.variety import digest_of
from sweepboard.data.images import hush_decoders
from sweepboard.data.loading import Loading
from sweepboard.data.normalise import Normalise
from sweepboard.data.samples import stacked
from sweepboard.data.seeds import borrowed_global_randomness, derive_seed
from sweepboard.data.stream_share import Stream, fresh_copy
from sweepboard.data.streams import StreamBatches
from sweepboard.data.types import ENDLESS, Batch, DataSpec, Source, Splits
from sweepboard.errors import ConfigError, RunFailed
from sweepboard.settings import DatasetSettings


class Rebuilt:
    """A stream of a function that returns an iterator: it is called again for each pass."""

    def __init__(self, make: Callable[[], Iterator[Any]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Any]:
        return iter(self._make())


def is_stream(dataset: Any) -> bool:
    """Return whether a data set can only be read from its beginning on."""
    indexed = hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")
    return isinstance(dataset, IterableDataset) or (hasattr(dataset, "__iter__") and not indexed)


@dataclass(frozen=True)
class StreamSource:
    """A training stream, and streams or map-style data sets to validate and test on."""

    train: Any
    test: Any = None
    val: Any = None
    classes: int | Sequence[str] | None = None
    collate_fn: Collate | None = None

    is_stream = True

    @cached_property
    def spec(self) -> DataSpec | None:
        """Description by the first training sample; None if it is no pair, or a collate function is given."""
        if collate_function(self.collate_fn, self.train) is not None:
            return None
        [sample] = self._first_samples(1)
        try:
            pair = pair_of(sample)
        except Unfit:
            self._check_collation(sample)
            return None
        return spec_of(self.train, pair, self.classes)

    @property
    def sizes(self) -> Mapping[str, int]:
        """The lengths that are known; `ENDLESS` for others."""
        parts = {"train": self.train, "test": self.test, "val": self.val}
        return {name: _length(part) for name, part in parts.items() if part is not None}

    def load(self) -> Splits:
        """Refuse: streams have no splits."""
        raise NotImplementedError("a stream is prepared by `batches`")

    def samples(self, count: int) -> Batch:
        """Return the batch of the first `count` training samples, on the CPU."""
        samples = self._first_samples(count)
        batch = self._collate(self.train)(samples, range(len(samples)))
        if self.spec is None:
            return batch
        inputs, targets = batch
        return Normalise(self.spec, torch.device("cpu"))(inputs), targets

    def batches_of(
        self, part: str, settings: DatasetSettings, seed: int, device: torch.device, loading: Loading
    ) -> StreamBatches:
        """Return the batches of the stream `part`: `train`, `val` or `test`."""
        dataset, trains = getattr(self, part), part == "train"
        size = settings.batch_size if trains else settings.eval_batch_size
        drop_last, samples = trains and settings.drop_last, _length(dataset)
        batches = ENDLESS if samples == ENDLESS else samples // size if drop_last else -(-samples // size)
        uses_state = settings.stream_state and not loses_samples(dataset)
        stream = Stream(dataset, self._collate(dataset), seed, size, drop_last, uses_state)
        normalise = None if self.spec is None else Normalise(self.spec, device)
        length = batches if trains else ENDLESS
        return StreamBatches(stream, length, samples, device, loading, repeats=trains, normalise=normalise)

    def split(self, part: str) -> PairSplit | CollatedSplit:
        """Return the map-style data set `val` or `test`."""
        dataset = getattr(self, part)
        if self.spec is not None:
            return PairSplit(dataset, self.spec, dataset)
        return CollatedSplit(dataset, dataset, collate_function(self.collate_fn, dataset))

    @cached_property
    def digest(self) -> str:
        """A SHA-256 over what is known: the kind of the streams and the first training sample."""
        names = [name_of(part) for part in (self.train, self.val, self.test)]
        known = digest_of([*names, str(dict(self.sizes)), self._first_samples(1)])
        return hashlib.sha256(known.encode()).hexdigest()

    def _collate(self, dataset: Any) -> Callable[[Sequence[Any], Sequence[int]], Batch]:
        if self.spec is not None:
            return partial(_pairs, self.spec, name_of(dataset))
        collate = collate_function(self.collate_fn, dataset)
        return partial(_by, collate) if collate is not None else partial(_collated, name_of(dataset))

    def _first_samples(self, count: int) -> list[Any]:
        hush_decoders()
        stream = fresh_copy(self.train)
        if hasattr(stream, "set_epoch"):
            stream.set_epoch(0)
        with borrowed_global_randomness() as seed_generators:
            seed_generators(derive_seed("first sample"))
            samples = list(islice(iter(stream), count))
        if not samples:
            raise ConfigError(f"dataset: {name_of(self.train)} is empty")
        return samples

    def _check_collation(self, sample: Any) -> None:
        try:
            collated([sample], [0], name_of(self.train))
        except RunFailed as error:
            raise ConfigError(f"dataset: {error}") from error


@dataclass(frozen=True)
class EvaluationStreams(StreamSource):
    """Streams to validate and test on, beside a map-style training set that says what samples are."""

    described_by: Source | None = None

    @property
    def spec(self) -> DataSpec | None:
        """The description of the training set."""
        return self.described_by.spec if self.described_by is not None else None

    @property
    def names(self) -> str:
        """What is known of the streams without reading them."""
        return f"{name_of(self.val)} {name_of(self.test)} {dict(self.sizes)}"


def _length(dataset: Any) -> int:
    try:
        return len(dataset)
    except (TypeError, AttributeError, NotImplementedError):
        return ENDLESS


def _pairs(spec: DataSpec, name: str, samples: Sequence[Any], numbers: Sequence[int]) -> Batch:
    places = [f"sample {number} of {name}" for number in numbers]
    pairs = (check_pair(place, sample, spec) for place, sample in zip(places, samples, strict=True))
    return stacked(pairs, numbers)


def _by(collate: Collate, samples: Sequence[Any], numbers: Sequence[int]) -> Batch:
    del numbers
    return collate(samples)


def _collated(name: str, samples: Sequence[Any], numbers: Sequence[int]) -> Batch:
    return collated(samples, numbers, name)
