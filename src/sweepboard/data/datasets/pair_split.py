"""A user's data set of (input, target) pairs, each converted and checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.utils.data import ConcatDataset, Subset, TensorDataset

from sweepboard.data.datasets.input_target import Unfit, pair_of
from sweepboard.data.datasets.reading import UserSplit, name_of
from sweepboard.data.datasets.variety import digest_of, varies
from sweepboard.data.samples import fetch
from sweepboard.data.types import DataSpec
from sweepboard.errors import ConfigError, RunFailed


class PairSplit(UserSplit):
    """Pairs, compared with the shape of the first one."""

    def __init__(self, dataset: Any, spec: DataSpec, untouched: Any) -> None:
        super().__init__(dataset, untouched)
        self._spec = spec

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return a sample. Raise `RunFailed` if its shape differs, `DamagedFile` if it cannot be read."""
        return check_pair(self.place(index), self.read(index), self._spec)

    def varies(self) -> bool:
        """Return whether the first input uses random numbers, or differs between reads."""
        return varies(lambda: self[0][0])

    def digest(self) -> str:
        """Return a SHA-256 over what is known without reading everything: type, length and first sample."""
        first = fetch(self, [0], seed=0, epoch=0)
        return digest_of([name_of(self.dataset), len(self), *first])


def check_pair(place: str, sample: Any, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return the sample at `place` as tensors. Raise `RunFailed` if it is unlike what `spec` describes."""
    try:
        inputs, target = pair_of(sample, spec.input_shape[0] if spec.is_image else None)
    except Unfit as error:
        raise RunFailed(f"{place} {error}") from error
    _check_shape(place, "an input of shape", spec.input_shape, tuple(inputs.shape))
    if spec.classes is None:
        _check_shape(place, "a target of shape", spec.target_shape, tuple(target.shape))
    else:
        check_class(place, target, spec.classes)
    return inputs, target


def check_class(place: str, target: Tensor, classes: int) -> None:
    """Raise `RunFailed` if the target of the sample at `place` is none of the classes."""
    if target.is_floating_point():
        raise RunFailed(f"{place} has real numbers as its target, the first has a class")
    if not 0 <= (number := int(target)) < classes:
        remedy = "leave it out" if number < 0 else f"set dataset.classes={number + 1} or more"
        raise RunFailed(
            f"{place} has class {number}, but there are {classes} classes counted from 0: {remedy}"
        )


def _check_shape(place: str, what: str, expected: tuple[int, ...], found: tuple[int, ...]) -> None:
    if found != expected:
        raise RunFailed(
            f"{place} has {what} {found}, the first has {expected}: a transform must make them alike "
            "(dataset=image_folder scales and cuts), or a dataset.collate_fn pad them"
        )


def spec_of(dataset: Any, pair: tuple[Tensor, Tensor], classes: int | Sequence[str] | None) -> DataSpec:
    """Return the description of `dataset` by its first pair; pixels are scaled to 0 to 1.

    `classes` is the number of classes or their names. Raise `ConfigError` if it is neither, or unknown.
    """
    inputs, target = pair
    shape = tuple(inputs.shape)
    if target.is_floating_point():
        if classes is not None:
            raise ConfigError(
                f"dataset.classes: the targets are real numbers, such as {target.reshape(-1)[0]:g}; "
                "where they are class numbers make them whole (target.long()), else leave it out"
            )
        return DataSpec(shape, target_shape=tuple(target.shape))
    count, given = _count_and_names(classes)
    parts = _parts(dataset)
    names = given or _common_names(parts)
    known = count or len(names) or max(map(_counted_classes, parts))
    return DataSpec(shape, classes=known, class_names=names if len(names) == known else ())


def _parts(dataset: Any) -> list[Any]:
    """Return the data sets that a `Subset` or `ConcatDataset` of torch is made of, or `dataset` itself."""
    if isinstance(dataset, Subset):
        return _parts(dataset.dataset)
    if isinstance(dataset, ConcatDataset):
        return [part for each in dataset.datasets for part in _parts(each)]
    return [dataset]


def _common_names(parts: Sequence[Any]) -> tuple[str, ...]:
    """Return the names of the classes, if they are the same in all data sets."""
    first, *others = (_names_in(getattr(part, "classes", None)) for part in parts)
    return first if all(names == first for names in others) else ()


def _count_and_names(classes: Any) -> tuple[int | None, tuple[str, ...]]:
    """Return the setting `dataset.classes` as a number of classes, and their names where they are given."""
    if classes is None:
        return None, ()
    if names := _names_in(classes):
        return len(names), names
    if type(classes) is int and classes > 0:
        return classes, ()
    raise ConfigError(f"dataset.classes={classes}: give the number of classes, or a list of their names")


def _names_in(names: Any) -> tuple[str, ...]:
    return tuple(map(str, names)) if isinstance(names, list | tuple) else ()


def _counted_classes(dataset: Any) -> int:
    """Return the number of classes from the data set's attributes, or from its list of all targets."""
    for count in (getattr(dataset, name, None) for name in ("num_classes", "classes")):
        if isinstance(count, int):
            return count
    targets = dataset.tensors[-1] if isinstance(dataset, TensorDataset) else getattr(dataset, "targets", None)
    if targets is not None and len(targets) > 0:
        if (least := int(min(targets))) < 0:
            raise ConfigError(
                f"dataset: {name_of(dataset)} has class {least}, but classes are counted from 0"
            )
        return int(max(targets)) + 1
    raise ConfigError(
        f"dataset.classes: {name_of(dataset)} does not say how many classes it has; set dataset.classes"
    )
