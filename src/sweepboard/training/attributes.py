"""What training changes of a model beside the tensors in its state dict.

A counter of updates as a plain number, a buffer that is not persistent, a layer frozen on the way: torch
saves none of it, and a run that goes on without it is silently another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from sweepboard.compat.torch import changes_in_place, unsaved_buffers

_OF_TORCH = vars(nn.Module()).keys() - {"training"}
FROZEN = ".requires_grad"
"""End of the name under which a parameter says whether it is trained."""


class Attributes:
    """Remembers the attributes of objects (modules with all that they hold) as they are now."""

    def __init__(self, objects: Mapping[str, object]) -> None:
        self._objects = objects
        self._fresh = {(name, key): _mark(value) for name, key, value in self._all()}

    def changed(self) -> dict[str, dict[str, Any]]:
        """What has changed since, by object and attribute: numbers, words, tensors, and what holds them."""
        found: dict[str, dict[str, Any]] = {}
        for name, key, value in self._all():
            if (name, key) not in self._fresh or not _same(self._fresh[name, key], value):
                found.setdefault(name, {})[key] = value
        return found

    def _all(self) -> Iterator[tuple[str, str, Any]]:
        for name, thing in _parts(self._objects):
            for key, value in _attributes(thing):
                if _is_plain(value):
                    yield name, key, value


def set_attributes(objects: Mapping[str, object], values: Mapping[str, Mapping[str, Any]]) -> None:
    """Put the attributes of the same objects, made anew, to what `Attributes.changed()` gave."""
    parts = dict(_parts(objects))
    for name, attributes in values.items():
        for key, value in attributes.items():
            _set(parts[name], key, value)


def _parts(objects: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The objects, and the modules in those that are modules."""
    for name, thing in objects.items():
        if isinstance(thing, nn.Module):
            yield from thing.named_modules(prefix=name)
        else:
            yield name, thing


def _attributes(thing: object) -> Iterator[tuple[str, Any]]:
    own = getattr(thing, "__dict__", {})
    if not isinstance(thing, nn.Module):
        yield from own.items()
        return
    yield from ((key, value) for key, value in own.items() if key not in _OF_TORCH)
    yield from unsaved_buffers(thing)
    for key, parameter in thing.named_parameters(recurse=False, remove_duplicate=False):
        yield key + FROZEN, parameter.requires_grad


def _set(thing: Any, key: str, value: Any) -> None:
    if key.endswith(FROZEN):
        thing.get_parameter(key.removesuffix(FROZEN)).requires_grad_(value)
        return
    now = getattr(thing, key, None)
    if key in _OF_TORCH or not _is_plain(now):
        raise TypeError(f"{key} is no number here")
    if isinstance(value, Tensor) and isinstance(now, Tensor):
        value = value.to(now.device)
    setattr(thing, key, value)


def _is_plain(value: Any) -> bool:
    """Whether it is data that training may go on from. What a forward pass leaves behind, on its way to a
    gradient or in an evaluation, is none."""
    if isinstance(value, Tensor):
        return not (isinstance(value, nn.Parameter) or value.grad_fn is not None or value.is_inference())
    if type(value) in (list, tuple):
        return all(map(_is_plain, value))
    if type(value) is dict:
        return all(map(_is_plain, (*value, *value.values())))
    return value is None or type(value) in (bool, int, float, str)


def _mark(value: Any) -> Any:
    """By which `_same` knows the value again: a tensor by itself and the number of its changes in place."""
    if isinstance(value, Tensor):
        return value, changes_in_place(value)
    if type(value) in (list, tuple):
        return [_mark(item) for item in value]
    if type(value) is dict:
        return _mark([*value.items()])
    return value


def _same(mark: Any, value: Any) -> bool:
    if isinstance(value, Tensor):
        return isinstance(mark, tuple) and mark[0] is value and mark[1] == changes_in_place(value)
    if type(value) in (list, tuple):
        return isinstance(mark, list) and len(mark) == len(value) and all(map(_same, mark, value))
    if type(value) is dict:
        return _same(mark, [*value.items()])
    return type(mark) is type(value) and bool(mark == value)
