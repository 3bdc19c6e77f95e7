"""Use any map-style torch `Dataset`, described by its first sample."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from sweepboard.data.datasets.input_target import Unfit, pair_of
from sweepboard.data.images import hush_decoders
from sweepboard.data.samples import fetch
from sweepboard.data.seeds import borrowed_global_randomness, derive_seed, global_randomness
from sweepboard.data.types import DataSpec, Source, Splits
from sweepboard.errors import ConfigError, DamagedFile, RunFailed

LOOKS = 5
"""Number of reads of a sample to detect random transforms with private generators.

A random flip is detected in fifteen cases of sixteen. Draws from the global generators are always detected.
"""


@dataclass(frozen=True)
class Plain:
    """How to read samples that are evaluated, not trained on."""

    dataset: Any = None
    """The training set with evaluation transforms, for held-out samples; None for the training transforms."""

    remedy: str | None = None
    """Advice if the training samples are random; None if they may be."""


def open_source(train: Any, test: Any = None, classes: int | None = None, plain: Plain = Plain()) -> Source:
    """Return `train` itself if it is a `Source`, or a source made of map-style data sets `train` and `test`.

    Samples are pairs of an input (PIL image, tensor or array, see `input_tensor`) and a target (a class
    number, or one or more real numbers). No sample is read. Raise `ConfigError` for anything that is no data
    set.
    """
    if all(hasattr(train, name) for name in ("spec", "sizes", "load")):
        for key, value in (("test", test), ("classes", classes), ("eval_transform", plain.dataset)):
            if value is not None:
                raise ConfigError(f"dataset.{key}: {_name(train)} knows its own; leave dataset.{key} out")
        return cast(Source, train)
    _check_map_style("dataset", train)
    if test is not None:
        _check_map_style("dataset.test", test)
    if plain.dataset is not None and len(plain.dataset) != len(train):
        raise ConfigError(
            f"dataset.eval_transform: {_name(train)} has {len(plain.dataset):,} samples with it, but "
            f"{len(train):,} without"
        )
    return ForeignSource(train, test, classes, plain)


@dataclass(frozen=True)
class ForeignSource:
    """A user's training set, optional test set, and optional number of classes."""

    train: Any
    test: Any
    classes: int | None
    plain: Plain

    @cached_property
    def _untouched(self) -> tuple[Any, Any, Any]:
        """Copies of the data sets from before a sample was read: see `ForeignSplit`."""
        return copy.copy(self.train), copy.copy(self.test), copy.copy(self.plain.dataset)

    @cached_property
    def spec(self) -> DataSpec:
        """Description by the first training sample; pixels are scaled to 0 to 1.

        Raise `ConfigError` if a sample is not a pair that can be trained on, if the first evaluated sample
        has another shape, or if the number of classes is unknown.
        """
        _ = self._untouched  # taken before the first sample opens anything
        inputs, target = _first_sample(self.train)
        shape = tuple(inputs.shape)
        for key, dataset in (("eval_transform", self.plain.dataset), ("test", self.test)):
            _check_alike(f"dataset.{key}", dataset, inputs)
        if target.is_floating_point():
            if self.classes is not None:
                raise ConfigError(
                    f"dataset.classes: the targets are real numbers, such as {target.reshape(-1)[0]:g}; "
                    "where they are class numbers make them whole (target.long()), else leave it out"
                )
            return DataSpec(shape, target_shape=tuple(target.shape))
        names = _class_names(self.train)
        classes = self.classes or len(names) or _counted_classes(self.train)
        return DataSpec(shape, classes=classes, class_names=names if len(names) == classes else ())

    @property
    def sizes(self) -> Mapping[str, int]:
        """Lengths of the data sets."""
        test = {} if self.test is None else {"test": len(self.test)}
        return {"train": len(self.train), **test}

    def load(self) -> Splits:
        """Return the data sets; samples are converted and checked when they are read."""
        train, test, plain = self._untouched
        return Splits(
            ForeignSplit(self.train, self.spec, train),
            None if test is None else ForeignSplit(self.test, self.spec, test),
            plain=None if plain is None else ForeignSplit(self.plain.dataset, self.spec, plain),
        )

    @cached_property
    def remedy_of_variety(self) -> str | None:
        """Advice if held-out samples would be random; None if they are not, or may be."""
        if self.plain.remedy is None:
            return None
        split = ForeignSplit(self.train, self.spec, self._untouched[0])
        return self.plain.remedy if split.varies() else None


class ForeignSplit(Dataset[tuple[Tensor, Tensor]]):
    """A user's data set with every sample converted and compared with the shape of the first one.

    Workers read from `untouched`, a copy from before any sample was read in this process: a data set that
    opens its file at the first sample, as it should, would otherwise share the file and its position with all
    workers.
    """

    def __init__(self, dataset: Any, spec: DataSpec, untouched: Any) -> None:
        self._here, self._spec, self._untouched = dataset, spec, untouched

    @property
    def _dataset(self) -> Any:
        return self._here if get_worker_info() is None else self._untouched

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return a sample. Raise `RunFailed` if its shape differs, `DamagedFile` if it cannot be read."""
        sample = _read(self._dataset, index)
        try:
            inputs, target = pair_of(sample, self._spec.input_shape[0] if self._spec.is_image else None)
        except Unfit as error:
            raise RunFailed(f"{_place(self._dataset, index)} {error}") from error
        self._check(index, "an input of shape", self._spec.input_shape, tuple(inputs.shape))
        if self._spec.classes is None:
            self._check(index, "a target of shape", self._spec.target_shape, tuple(target.shape))
        if self._spec.classes is not None:
            self._check_class(index, target, self._spec.classes)
        return inputs, target

    def varies(self) -> bool:
        """Return whether the first sample uses random numbers, or differs between reads."""
        looks, before, after = [], [], []
        with borrowed_global_randomness() as seed_generators:
            for look in range(LOOKS):
                seed_generators(derive_seed("look", look))
                before += [global_randomness()]
                looks += [self[0][0]]
                after += [global_randomness()]
        # A data set that seeds for each sample leaves the same state, too.
        generators = zip(zip(*before, strict=True), zip(*after, strict=True), strict=True)
        drawn = any(then != now and len(set(now)) > 1 for then, now in generators)
        return drawn or not all(torch.equal(looks[0], other) for other in looks[1:])

    def digest(self) -> str:
        """Return a SHA-256 over what is known without reading everything: type, length and first sample."""
        inputs, target = fetch(self, [0], seed=0, epoch=0)
        known = f"{_name(self._dataset)}/{len(self)}/{tuple(inputs.shape)}/{inputs.dtype}/{target.tolist()}"
        return hashlib.sha256(known.encode() + inputs.contiguous().numpy().tobytes()).hexdigest()

    def _check_class(self, index: int, target: Tensor, classes: int) -> None:
        if target.is_floating_point():
            raise RunFailed(
                f"{_place(self._dataset, index)} has real numbers as its target, the first has a class"
            )
        if not 0 <= (number := int(target)) < classes:
            remedy = "leave it out" if number < 0 else f"set dataset.classes={number + 1} or more"
            raise RunFailed(
                f"{_place(self._dataset, index)} has class {number}, but there are {classes} classes counted "
                f"from 0: {remedy}"
            )

    def _check(self, index: int, what: str, expected: tuple[int, ...], found: tuple[int, ...]) -> None:
        if found != expected:
            raise RunFailed(
                f"{_place(self._dataset, index)} has {what} {found}, the first has {expected}: a transform "
                "must make them alike (dataset=image_folder scales and cuts)"
            )


def _first_sample(dataset: Any, channels: int | None = None) -> tuple[Tensor, Tensor]:
    hush_decoders()
    with borrowed_global_randomness() as seed_generators:
        seed_generators(derive_seed("first sample"))
        sample = _read(dataset, 0)
    try:
        return pair_of(sample, channels)
    except Unfit as error:
        raise ConfigError(f"dataset: a sample of {_name(dataset)} {error}") from error


def _check_alike(key: str, dataset: Any, training: Tensor) -> None:
    if dataset is None:
        return
    expected = tuple(training.shape)
    inputs, _ = _first_sample(dataset, expected[0] if len(expected) == 3 else None)
    if (found := tuple(inputs.shape)) != expected:
        raise ConfigError(f"{key}: gives inputs of shape {found}, but those to train on are {expected}")


def _read(dataset: Any, index: int) -> Any:
    try:
        return dataset[index]
    except OSError as error:  # what PIL raises; for anything else the traceback is better
        raise DamagedFile(f"{_place(dataset, index)} cannot be read ({error})") from error


def _place(dataset: Any, index: int) -> str:
    """Return the file of a sample if the data set lists its files, as torchvision's do."""
    listed = getattr(dataset, "samples", None)
    if isinstance(listed, list) and index < len(listed) and isinstance(listed[index], tuple):
        return str(listed[index][0])
    return f"sample {index} of {_name(dataset)}"


def _check_map_style(key: str, dataset: Any) -> None:
    if isinstance(dataset, IterableDataset) or not all(
        hasattr(dataset, name) for name in ("__getitem__", "__len__")
    ):
        raise ConfigError(
            f"{key}: {_name(dataset)} is no map-style data set; it needs __len__ and __getitem__, "
            "which gives (input, target)"
        )
    if len(dataset) == 0:
        raise ConfigError(f"{key}: {_name(dataset)} is empty")


def _class_names(dataset: Any) -> tuple[str, ...]:
    names = getattr(dataset, "classes", None)
    return tuple(map(str, names)) if isinstance(names, list | tuple) else ()


def _counted_classes(dataset: Any) -> int:
    """Return the number of classes from the data set's attributes, or from its list of all targets."""
    count = getattr(dataset, "num_classes", None)
    if isinstance(count, int):
        return count
    targets = getattr(dataset, "targets", None)
    if targets is not None and len(targets) > 0:
        if (least := int(min(targets))) < 0:
            raise ConfigError(f"dataset: {_name(dataset)} has class {least}, but classes are counted from 0")
        return int(max(targets)) + 1
    raise ConfigError(
        f"dataset.classes: {_name(dataset)} does not say how many classes it has; set dataset.classes"
    )


def _name(value: Any) -> str:
    return type(value).__qualname__
