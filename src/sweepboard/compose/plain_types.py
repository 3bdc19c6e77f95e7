"""Check plain values from a file against the types of a dataclass.

A wrong type is reported with its key when the file is read, and not later when the value is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from sweepboard.compose.type_checks import fits, wanted
from sweepboard.formatting import yaml_text

T = TypeVar("T")


class WrongType(ValueError):
    """A value in a file does not have the type of its key."""


def built(kind: type[T], content: Any) -> T:
    """Return an instance of the dataclass `kind` with the values of a mapping. Raise `WrongType`.

    Missing keys get the default value, and unknown keys are ignored.
    """
    check_plain(kind, content, whole=False)
    given = {key: each for key, each in field_types(kind).items() if key in content}  # type: ignore[arg-type]
    return kind(**{key: _with_nan(content[key], each) for key, each in given.items()})


def check_plain(kind: Any, value: Any, key: str = "", whole: bool = True) -> None:
    """Raise `WrongType`, naming the key, for the first value at any depth that does not fit `kind`.

    A dataclass stands for a mapping of its fields. If `whole` is True, no field may be missing.
    """
    if type(value) in _fitting_types(kind) and _fits_64_bits(value):
        return
    if is_dataclass(kind):
        _check_fields(kind, value, key, whole)
    elif (get_origin(kind) or kind) in (dict, Mapping):
        _check_mapping(kind, value, key, whole)
    elif get_origin(kind) in (list, tuple) and isinstance(value, list):
        for index, item in enumerate(value):
            check_plain((get_args(kind) or (Any,))[0], item, f"{key}[{index}]", whole)
    elif kind is not Any and not (fits(value, kind) and _fits_64_bits(value)):
        raise WrongType(f"{key or 'it'} is {yaml_text(value)} and not {wanted(kind)}")


@cache
def _fitting_types(kind: Any) -> frozenset[type]:
    """Return the types of single values of which each value fits `kind`, so that it need not be looked at."""
    if is_dataclass(kind):
        return frozenset()
    samples = ((None,), (True, False), (2**62,), (0.1,), ("\0",))
    return frozenset(
        type(each[0]) for each in samples if kind is Any or all(fits(value, kind) for value in each)
    )


def _check_fields(kind: Any, value: Any, key: str, whole: bool) -> None:
    if not isinstance(value, Mapping):
        raise WrongType(f"{key or 'it'} is {yaml_text(value)} and not a mapping")
    for name, annotation, types in _fields(kind):
        if name in value:
            item = value[name]
            if not (type(item) in types and _fits_64_bits(item)):
                check_plain(annotation, item, f"{key}.{name}" if key else name, whole)
        elif whole:
            raise WrongType(f"{key}.{name} is missing" if key else f"{name} is missing")


@cache
def _fields(kind: Any) -> list[tuple[str, Any, frozenset[type]]]:
    """Return name and type of each field of a dataclass, and the `_fitting_types`."""
    return [(name, each, _fitting_types(each)) for name, each in field_types(kind).items()]


def _check_mapping(kind: Any, value: Any, key: str, whole: bool) -> None:
    if not isinstance(value, Mapping):
        raise WrongType(f"{key or 'it'} is {yaml_text(value)} and not a mapping")
    _, annotation = get_args(kind) or (str, Any)
    types = _fitting_types(annotation)
    for name, item in value.items():
        if not isinstance(name, str):
            raise WrongType(f"{key or 'it'} has {yaml_text(name)} as a key, which is no text")
        if type(item) in types and _fits_64_bits(item):
            continue
        if not (item is None and annotation is float):  # null stands for NaN, which JSON does not have
            check_plain(annotation, item, f"{key}.{name}" if key else name, whole)


def _fits_64_bits(value: Any) -> bool:
    """Return whether an integer fits into 64 bits; larger ones overflow floats and arrays."""
    return not isinstance(value, int) or abs(value) < 2**63


def _with_nan(value: Any, annotation: Any) -> Any:
    """Return `value` with null replaced by NaN in a mapping of numbers."""
    if get_origin(annotation) is dict and get_args(annotation)[1] is float:
        return {name: float("nan") if item is None else item for name, item in value.items()}
    return value


@cache
def field_types(kind: Any) -> dict[str, Any]:
    """Return the type of each field of a dataclass that its constructor takes."""
    known = get_type_hints(kind)
    return {item.name: known[item.name] for item in fields(kind) if item.init}


def load_field_types(kind: Any) -> None:
    """Look up the fields of a dataclass and of those in it, which are remembered."""
    for _, annotation, _ in _fields(kind):
        if is_dataclass(annotation):
            load_field_types(annotation)
