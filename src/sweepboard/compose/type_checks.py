"""Check whether a configured value fits the type annotation of a parameter.

Only types of YAML values are checked: null, booleans, numbers, texts, lists and mappings. Most other
annotations (a protocol, a type variable, a class of a library) accept every value: the constructor checks it.
"""

from __future__ import annotations

import collections.abc as abc
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

_LISTS = (list, tuple, set, frozenset, abc.Sequence, abc.MutableSequence, abc.Iterable, abc.Collection)
_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)
_DESCRIPTIONS = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a text",
    types.NoneType: "null",
    None: "null",
}
_TENSOR = "torch.Tensor"
_OBJECTS = {_TENSOR, "torch.nn.modules.module.Module"}
"""Classes that plain values are never instances of: a node with a `_target_` builds one, or for a tensor a
list of numbers (`building.instantiate`)."""


def fits(value: Any, annotation: Any) -> bool:
    """Return whether a plain value (None, bool, number, str, list, dict) fits the annotation."""
    origin = get_origin(annotation) or annotation
    if isinstance(value, list) and takes_tensor(annotation):
        return _are_numbers(value)
    if _is_union(annotation):
        options = [option for option in get_args(annotation) if not takes_tensor(option)]
        return any(fits(value, option) for option in options)
    if origin is Literal:
        return value in get_args(annotation)
    if isinstance(value, Mapping):
        return "_target_" in value or origin not in (bool, int, float, str, None, types.NoneType, *_LISTS)
    if origin in _LISTS:
        return _fits_list(value, origin, get_args(annotation))
    if origin is abc.Callable:
        return False
    return _fits_plain(value, origin)


def _fits_list(value: Any, origin: Any, items: tuple[Any, ...]) -> bool:
    if not isinstance(value, list):  # a text fits a sequence of texts
        return isinstance(value, str) and origin not in (list, tuple) and (not items or fits(value, items[0]))
    if origin is tuple and items and items[-1] is not Ellipsis:
        return len(value) == len(items) and all(map(fits, value, items))
    return all(fits(item, items[0]) for item in value) if items else True


def _fits_plain(value: Any, kind: Any) -> bool:
    if kind in (None, types.NoneType):
        return value is None
    if kind in (bool, str):
        return isinstance(value, kind)
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    if kind in _MAPPINGS:
        return False
    return _path(kind) not in _OBJECTS


def takes_tensor(annotation: Any) -> bool:
    """Return whether an annotation is torch's `Tensor`, or `Tensor | None`: a list of numbers becomes one."""
    options = get_args(annotation) if _is_union(annotation) else (annotation,)
    return [_path(option) for option in options if option is not types.NoneType] == [_TENSOR]


def takes_function(annotation: Any) -> bool:
    """Return whether an annotation is that of a function or a class, or allows one."""
    options = get_args(annotation) if _is_union(annotation) else (annotation,)
    return any((get_origin(option) or option) is abc.Callable for option in options)


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _path(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) else ""


def _are_numbers(value: Any) -> bool:
    """Return whether a value is a list of numbers, or of such lists."""
    return isinstance(value, list) and all(
        (isinstance(each, int | float) and not isinstance(each, bool)) or _are_numbers(each) for each in value
    )


def wanted(annotation: Any) -> str:
    """Return a description of the annotation for messages: `an integer or null`, `a list`."""
    origin = get_origin(annotation) or annotation
    arguments = get_args(annotation)
    if takes_tensor(annotation):
        return "a list of numbers or null" if arguments else "a list of numbers"
    if _is_union(annotation):
        options = [option for option in arguments if option is not types.NoneType]
        words = [option.__name__ if takes_tensor(option) else wanted(option) for option in options]
        return " or ".join(dict.fromkeys([*words, *(["null"] if types.NoneType in arguments else [])]))
    if origin is Literal:
        return " or ".join(map(str, arguments))
    if origin in _LISTS:
        return _wanted_list(origin, arguments)
    if origin in _MAPPINGS:
        return "a mapping"
    if origin is abc.Callable:
        return "a function"
    return _DESCRIPTIONS.get(origin, getattr(origin, "__name__", str(origin)))


def _wanted_list(origin: Any, items: tuple[Any, ...]) -> str:
    if not items or items[0] is Any:
        return "a list"
    size = f" of {len(items)}" if origin is tuple and items[-1] is not Ellipsis else ""
    return f"a list{size}, each {wanted(items[0])}"


def plain_value(text: str) -> Any:
    """Return the value of a text in YAML 1.2 (a number, a list, true), or the text itself."""
    value = None if len(text) > 1000 else _read(text)
    return text if value is None else value


def _read(text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    try:
        return float(value) if isinstance(value, str) else value  # YAML 1.1 reads 1e-2 as a text
    except ValueError:
        return None


def parameter_types(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the evaluated annotations of the parameters of a function or class, or {} if that fails."""
    made = function.__init__ if inspect.isclass(function) else function
    try:
        return get_type_hints(made)
    except Exception:
        # An annotation may use names that exist for type checkers only; evaluation can raise any exception.
        return {}
