"""Use any map-style torch `Dataset`, described by its first sample."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from sweepboard.data.collate import Collate, collate_function
from sweepboard.data.datasets.collated_split import CollatedSplit
from sweepboard.data.datasets.input_target import Unfit, pair_of
from sweepboard.data.datasets.no_data_set import check_data_set
from sweepboard.data.datasets.pair_split import PairSplit, spec_of
from sweepboard.data.datasets.plain_samples import Plain
from sweepboard.data.datasets.reading import UserSplit, name_of
from sweepboard.data.datasets.split_mapping import splits_of
from sweepboard.data.datasets.stream_source import EvaluationStreams, StreamSource, is_stream
from sweepboard.data.datasets.tensor_dataset import columns_in_memory, pairs_in_memory
from sweepboard.data.datasets.token_windows import token_windows
from sweepboard.data.images import hush_decoders
from sweepboard.data.normalise import Normalise
from sweepboard.data.samples import fetch
from sweepboard.data.seeds import borrowed_global_randomness, derive_seed
from sweepboard.data.types import Batch, DataSpec, InMemory, Source, Splits
from sweepboard.errors import ConfigError, RunFailed


def source_of(
    train: Any,
    test: Any,
    val: Any,
    classes: int | Sequence[str] | None,
    plain: Plain,
    collate_fn: Collate | None,
) -> Source:
    """Return a source made of data sets as `open_source` takes them. Raise `ConfigError` for others.

    `train` may be a mapping of splits.
    """
    train, test, val, plain = splits_of(train, test, val, plain)
    for key, dataset in (("dataset", train), ("dataset.test", test), ("dataset.val", val)):
        if dataset is not None:
            check_data_set(key, dataset)
    if is_stream(train):
        if plain.dataset is not None:
            raise ConfigError(
                f"{plain.key}: nothing is held out of a stream; leave it out, or use dataset.val"
            )
        return StreamSource(train, test, val, classes, collate_fn)
    if plain.dataset is not None and len(plain.dataset) != len(train):
        raise ConfigError(
            f"{plain.key}: {name_of(train)} has {len(plain.dataset):,} samples with it, but "
            f"{len(train):,} without"
        )
    held_out = {"test": test, "val": val}
    streams = {name: one for name, one in held_out.items() if one is not None and is_stream(one)}
    if streams:
        own: dict[str, Any] = {**held_out, **dict.fromkeys(streams)}
        return MixedSource(train, own["test"], own["val"], classes, plain, collate_fn, streams)
    return UserSource(train, test, val, classes, plain, collate_fn)


@dataclass(frozen=True)
class UserSource:
    """A user's training set, its optional test and validation sets, and what is said about them."""

    train: Any
    test: Any
    val: Any
    classes: int | Sequence[str] | None
    plain: Plain
    collate_fn: Collate | None

    @property
    def spec(self) -> DataSpec | None:
        """Description by the first training sample; None if it is no pair, or a collate function is given.

        Raise `ConfigError` if the number of classes is unknown, if the first evaluated sample has another
        shape, or if samples are no pairs and torch cannot make a batch of the first.
        """
        return self._described if isinstance(self._described, DataSpec) else None

    @property
    def why_no_pair(self) -> str | None:
        """Why the samples are no pairs, as a sentence; None if they are, or a collate function is given."""
        return self._described if isinstance(self._described, str) else None

    @cached_property
    def _described(self) -> DataSpec | str | None:
        _ = self._untouched  # taken before the first sample opens anything
        if collate_function(self.collate_fn, self.train) is not None:
            return None
        sample = _first_sample(self.train)
        try:
            pair = pair_of(sample)
        except Unfit as error:
            self._check_collation(sample)
            return f"a sample of {name_of(self.train)} {error}"
        spec = spec_of(self.train, pair, self.classes)
        others = {self.plain.key: self.plain.dataset, "dataset.test": self.test, "dataset.val": self.val}
        for key, dataset in others.items():
            if dataset is not None:
                _check_alike(key, dataset, pair[0])
        return spec

    @property
    def sizes(self) -> Mapping[str, int]:
        """Lengths of the data sets."""
        parts = {"train": self.train, "test": self.test, "val": self.val}
        return {name: len(part) for name, part in parts.items() if part is not None}

    def load(self) -> Splits:
        """Return the data sets; samples are converted and checked when they are read."""
        return Splits(
            self._split("train"),
            None if self.test is None else self._split("test"),
            None if self.val is None else self._split("val"),
            None if self.plain.dataset is None else self._split("plain"),
        )

    def samples(self, count: int) -> Batch:
        """Return the batch of the first `count` training samples, on the CPU."""
        hush_decoders()
        split = self._split("train")
        batch = fetch(split, list(range(min(count, len(split)))), seed=0, epoch=0)
        if self.spec is None:
            return batch
        inputs, targets = batch
        return Normalise(self.spec, torch.device("cpu"))(inputs), targets

    @cached_property
    def remedy_of_variety(self) -> str | None:
        """Advice if held-out samples would be random; None if they are not, or may be."""
        if self.plain.remedy is None:
            return None
        split = self._split("train")
        return None if isinstance(split, InMemory) or not split.varies() else self.plain.remedy

    @cached_property
    def _untouched(self) -> Mapping[str, Any]:
        """Copies of the data sets from before a sample was read: see `UserSplit`."""
        return {name: copy.copy(part) for name, part in self._parts.items()}

    @property
    def _parts(self) -> Mapping[str, Any]:
        return {"train": self.train, "test": self.test, "val": self.val, "plain": self.plain.dataset}

    def _split(self, name: str) -> PairSplit | CollatedSplit | InMemory:
        dataset, spec, untouched = self._parts[name], self.spec, self._untouched[name]
        if spec is not None:
            return pairs_in_memory(dataset, spec) or PairSplit(dataset, spec, untouched)
        collate = collate_function(self.collate_fn, dataset)
        if collate is not None:
            return CollatedSplit(dataset, untouched, collate)
        whole = columns_in_memory(dataset) or token_windows(dataset, untouched)
        return whole or CollatedSplit(dataset, untouched, None)

    def _check_collation(self, sample: Any) -> None:
        split = CollatedSplit(self.train, None, None)
        try:
            split.collate([sample], [0])
        except RunFailed as error:
            raise ConfigError(f"dataset: {error}") from error


@dataclass(frozen=True)
class MixedSource(UserSource):
    """A map-style training set, with streams to validate or test on."""

    streams: Mapping[str, Any]
    """The streams among `test` and `val`, by these names."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Lengths of the data sets; `ENDLESS` for a stream that does not tell its own."""
        return {**super().sizes, **self.evaluation.sizes}

    @cached_property
    def evaluation(self) -> EvaluationStreams:
        """The streams, which give batches like those of the training set."""
        return EvaluationStreams(None, **self.streams, collate_fn=self.collate_fn, described_by=self)


def _first_sample(dataset: Any) -> Any:
    hush_decoders()
    with borrowed_global_randomness() as seed_generators:
        seed_generators(derive_seed("first sample"))
        return UserSplit(dataset, dataset).read(0)


def _check_alike(key: str, dataset: Any, training: Tensor) -> None:
    expected = tuple(training.shape)
    sample = _first_sample(dataset)
    try:
        inputs, _ = pair_of(sample, expected[0] if len(expected) == 3 else None)
    except Unfit as error:
        raise ConfigError(f"{key}: a sample of {name_of(dataset)} {error}") from error
    if (found := tuple(inputs.shape)) != expected:
        raise ConfigError(f"{key}: gives inputs of shape {found}, but those to train on are {expected}")
