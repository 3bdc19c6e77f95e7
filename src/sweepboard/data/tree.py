"""Batches of any shape: tensors and other objects in tuples, lists, mappings and dataclasses."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sweepboard.errors import RunFailed


def to_device(tree: Any, device: torch.device, non_blocking: bool = False) -> Any:
    """Return `tree` with everything that has a method `to` on `device`; strings and others stay."""

    def moved(leaf: Any) -> Any:
        if isinstance(leaf, Tensor):
            return leaf.to(device, non_blocking=non_blocking)
        return leaf.to(device) if _moves(leaf) else leaf

    return map_leaves(moved, tree, until=_moves)


def length_of(batch: Any) -> int:
    """Return the number of samples: the length of the first tensor, or what an object's `batch_size` says.

    Lists of samples, as detectors take them (`[image, ...], [target, ...]`), have their own length. Raise
    `RunFailed` if nothing in the batch tells.
    """
    if (length := _length_of_lists(batch)) is not None:
        return length
    for leaf in leaves(batch):
        if isinstance(leaf, Tensor):
            if leaf.ndim:
                return len(leaf)
        elif _moves(leaf) and (length := _length_of_object(leaf)) is not None:
            return length
    raise RunFailed(
        f"task: nothing in a batch ({type(batch).__qualname__}) tells how many samples it holds: "
        "return Step(loss, samples=...)"
    )


def _length_of_lists(batch: Any) -> int | None:
    """Return the length that all parts of `batch` have, if they are lists of samples and not of batches."""
    if not isinstance(batch, tuple | list) or not all(type(part) in (tuple, list) for part in batch):
        return None
    lengths = {len(part) for part in batch}
    rows = {len(one) if isinstance(one, Tensor) and one.ndim else None for part in batch for one in part}
    are_batches = len(rows) == 1 and None not in rows
    return lengths.pop() if len(lengths) == 1 and not are_batches else None


def _length_of_object(value: Any) -> int | None:
    size = getattr(value, "batch_size", None)  # a number for graphs, a shape for a TensorDict
    if isinstance(size, int):
        return size
    if isinstance(size, tuple) and size:
        return int(size[0])
    tensors = (own for own in getattr(value, "__dict__", {}).values() if isinstance(own, Tensor) and own.ndim)
    return next((len(own) for own in tensors), None)


def leaves(tree: Any) -> Iterator[Any]:
    """Yield everything in `tree` that is no container."""
    if isinstance(tree, tuple | list):
        parts = iter(tree)
    elif isinstance(tree, Mapping):
        parts = iter(tree.values())
    elif _is_dataclass(tree):
        parts = (getattr(tree, item.name) for item in fields(tree))
    else:
        yield tree
        return
    for part in parts:
        yield from leaves(part)


def map_leaves(change: Callable[[Any], Any], tree: Any, until: Callable[[Any], bool] | None = None) -> Any:
    """Return a copy of `tree` with `change` applied to its leaves.

    A container for which `until` is true counts as a leaf.
    """

    def inner(part: Any) -> Any:
        return map_leaves(change, part, until)

    if isinstance(tree, Tensor) or (until is not None and until(tree)):
        return change(tree)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*map(inner, tree))
    if isinstance(tree, tuple | list):
        return type(tree)(map(inner, tree))
    if isinstance(tree, Mapping):
        return _mapping_like(tree, {name: inner(part) for name, part in tree.items()})
    if _is_dataclass(tree):
        return _dataclass_like(tree, {item.name: inner(getattr(tree, item.name)) for item in fields(tree)})
    return change(tree)


def _moves(value: Any) -> bool:
    return callable(getattr(value, "to", None)) and not isinstance(value, type)


def _is_dataclass(value: Any) -> bool:
    return is_dataclass(value) and not isinstance(value, type)


def _mapping_like(mapping: Mapping[Any, Any], changed: dict[Any, Any]) -> Any:
    """Return a mapping of the same class with other values; a dictionary if it cannot be changed."""
    if type(mapping) is dict or not isinstance(mapping, MutableMapping):
        return changed
    other = copy.copy(mapping)
    other.update(changed)
    return other


def _dataclass_like(value: Any, changed: dict[str, Any]) -> Any:
    if all(item.init for item in fields(value)):
        return replace(value, **changed)
    other = copy.copy(value)
    for name, part in changed.items():
        object.__setattr__(other, name, part)  # a frozen one, too
    return other
