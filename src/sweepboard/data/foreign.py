"""Data sets of other people: any map-style torch `Dataset`, described by its first sample."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from sweepboard.data.convert import input_tensor, target_tensor
from sweepboard.data.samples import fetch
from sweepboard.data.seeds import borrowed_global_randomness, derive_seed
from sweepboard.data.spec import DataSpec, Source, Splits
from sweepboard.errors import ConfigError, DamagedFile, RunFailed


def open_source(train: Any, test: Any = None, classes: int | None = None) -> Source:
    """`train` itself where it is a `Source`, else a source made of map-style data sets `train` and `test`.

    Samples are pairs of an input (PIL image, tensor or array, see `input_tensor`) and a target (a class
    number, or one or more real numbers). Reads no sample. Raises `ConfigError` for what is no data set.
    """
    if all(hasattr(train, name) for name in ("spec", "sizes", "load")):
        for key, value in (("test", test), ("classes", classes)):
            if value is not None:
                raise ConfigError(f"dataset.{key}: {_name(train)} knows its own; leave dataset.{key} out")
        return cast(Source, train)
    _check_map_style("dataset", train)
    if test is not None:
        _check_map_style("dataset.test", test)
    return ForeignSource(train, test, classes)


@dataclass(frozen=True)
class ForeignSource:
    """Someone's training set, test set or None, and number of classes where it is not theirs to tell."""

    train: Any
    test: Any
    classes: int | None

    @cached_property
    def spec(self) -> DataSpec:
        """From the first training sample, the one thing that is read. Pixels count from 0 to 1.

        Raises `ConfigError` where a sample is not a pair that can be trained on, or where nothing tells how
        many classes there are.
        """
        inputs, target = self._first_sample()
        shape = tuple(inputs.shape)
        if target.is_floating_point():
            if self.classes is not None:
                raise ConfigError("dataset.classes: the targets are real numbers; leave dataset.classes out")
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
        """The data sets, whose samples are converted and checked when they are read."""
        test = None if self.test is None else ForeignSplit(self.test, self.spec)
        return Splits(train=ForeignSplit(self.train, self.spec), test=test)

    def _first_sample(self) -> tuple[Tensor, Tensor]:
        with borrowed_global_randomness() as seed_generators:
            seed_generators(derive_seed("first sample"))
            sample = _read(self.train, 0)
        try:
            inputs, target = sample
            return input_tensor(inputs), target_tensor(target)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"dataset: a sample of {_name(self.train)} must be a pair of an image or numbers and a class "
                f"number or real numbers, not {_described(sample)}"
            ) from error


class ForeignSplit(Dataset[tuple[Tensor, Tensor]]):
    """Someone's data set with every sample converted, and compared with what the first one promised."""

    def __init__(self, dataset: Any, spec: DataSpec) -> None:
        self._dataset, self._spec = dataset, spec

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Raises `RunFailed` for a sample that does not fit, `DamagedFile` for one that cannot be read."""
        raw_inputs, raw_target = _read(self._dataset, index)
        inputs = input_tensor(raw_inputs, self._spec.input_shape[0] if self._spec.is_image else None)
        target = target_tensor(raw_target)
        self._check(index, "an input of shape", self._spec.input_shape, tuple(inputs.shape))
        self._check(index, "a target of shape", self._spec.target_shape, tuple(target.shape))
        if self._spec.classes is not None and not 0 <= int(target) < self._spec.classes:
            raise RunFailed(
                f"{_place(self._dataset, index)} has class {int(target)}, but there are {self._spec.classes} "
                "classes counted from 0: set dataset.classes"
            )
        return inputs, target

    def digest(self) -> str:
        """SHA-256 over what can be known without reading everything: type, length and first sample."""
        inputs, target = fetch(self, [0], seed=0, epoch=0)
        known = f"{_name(self._dataset)}/{len(self)}/{tuple(inputs.shape)}/{inputs.dtype}/{target.tolist()}"
        return hashlib.sha256(known.encode() + inputs.contiguous().numpy().tobytes()).hexdigest()

    def _check(self, index: int, what: str, expected: tuple[int, ...], found: tuple[int, ...]) -> None:
        if found != expected:
            raise RunFailed(
                f"{_place(self._dataset, index)} has {what} {found}, the first has {expected}: a transform "
                "must make them alike (dataset=image_folder scales and cuts)"
            )


def _read(dataset: Any, index: int) -> Any:
    try:
        return dataset[index]
    except OSError as error:  # what PIL raises; of anything else the traceback says more
        raise DamagedFile(f"{_place(dataset, index)} cannot be read ({error})") from error


def _place(dataset: Any, index: int) -> str:
    """The file of a sample where the data set lists its files, as torchvision's do."""
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
    """As many as it says, or as its list of all targets shows."""
    count = getattr(dataset, "num_classes", None)
    if isinstance(count, int):
        return count
    targets = getattr(dataset, "targets", None)
    if targets is not None and len(targets) > 0:
        return int(max(targets)) + 1
    raise ConfigError(
        f"dataset.classes: {_name(dataset)} does not say how many classes it has; set dataset.classes"
    )


def _name(value: Any) -> str:
    return type(value).__qualname__


def _described(sample: Any) -> str:
    if isinstance(sample, tuple | list):
        return f"({', '.join(_name(part) for part in sample)})"
    return f"a {_name(sample)}"
