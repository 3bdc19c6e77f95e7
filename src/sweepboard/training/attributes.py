"""The attributes that training changes and that no state dict holds.

Examples are a counter that a layer or an optimizer keeps as a plain number, a non-persistent buffer, and a
layer that is frozen during training. torch saves none of them, and a run that resumes without them gives
other numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from sweepboard.compat.torch import changes_in_place, unsaved_buffers

_OF_TORCH = vars(nn.Module()).keys() - {"training"}
_OF_OPTIMIZERS = {
    "defaults",
    "_zero_grad_profile_name",
    "_warned_capturable_if_run_uncaptured",
    "_opt_called",
}
"""The plain attributes that every optimizer of torch has; a schedule adds the last."""

FROZEN = ".requires_grad"
"""The suffix of the key that holds the `requires_grad` of a parameter."""


class Attributes:
    """A snapshot of the attributes of objects, submodules included, to compare with later."""

    def __init__(self, objects: Mapping[str, object]) -> None:
        self._objects = objects
        self._fresh = {(name, key): _mark(value) for name, key, value in self._all()}

    def changed(self) -> dict[str, dict[str, Any]]:
        """Return the attributes that changed since the snapshot, by object and attribute.

        Only numbers, strings, tensors, and containers of them are compared.
        """
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
    """Set the attributes that `Attributes.changed()` returned on newly made objects of the same names."""
    parts = dict(_parts(objects))
    for name, attributes in values.items():
        for key, value in attributes.items():
            _set(parts[name], key, value)


@contextmanager
def attributes_set(objects: Mapping[str, object], values: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """Set attributes as `set_attributes` does during the block; then set them back."""
    parts = dict(_parts(objects))
    own = {name: {key: getattr(parts[name], key) for key in each} for name, each in values.items()}
    set_attributes(objects, values)
    try:
        yield
    finally:
        set_attributes(objects, own)


def _parts(objects: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield each object and its name; for a module, also each of its submodules."""
    for name, thing in objects.items():
        if isinstance(thing, nn.Module):
            yield from thing.named_modules(prefix=name)
        else:
            yield name, thing


def _attributes(thing: object) -> Iterator[tuple[str, Any]]:
    own = getattr(thing, "__dict__", {})
    if isinstance(thing, Optimizer):
        yield from ((key, value) for key, value in own.items() if key not in _OF_OPTIMIZERS)
        return
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
    """Return whether `value` is data to save.

    Tensors with a gradient function and inference tensors are results of a forward pass and are not saved.
    """
    if isinstance(value, Tensor):
        return not (isinstance(value, nn.Parameter) or value.grad_fn is not None or value.is_inference())
    if type(value) in (list, tuple):
        return all(map(_is_plain, value))
    if type(value) is dict:
        return all(map(_is_plain, (*value, *value.values())))
    return value is None or type(value) in (bool, int, float, str)


def _mark(value: Any) -> Any:
    """Return what `_same` compares a value with: for a tensor, itself and its number of in-place changes."""
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
