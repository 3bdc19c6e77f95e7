"""Build objects from plain nodes with a `_target_`. No other module calls Hydra's `instantiate`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from hydra.errors import InstantiationException
from omegaconf import OmegaConf

from sweepboard.compat.hydra import RESOLVED, instantiate
from sweepboard.compose.interpolations import escaped
from sweepboard.compose.locate import TARGET, locate, nodes, told
from sweepboard.compose.type_checks import parameter_types, takes_tensor
from sweepboard.errors import ConfigError, UserError
from sweepboard.import_path import import_users_modules


class Refused(ConfigError):
    """A constructor or model refuses a value."""


def construct(node: Mapping[str, Any], key: str, *leading: Any) -> Any:
    """Build the object of the plain `node` at `key`, with `leading` as its first arguments.

    Raise `Refused` if the constructor raises an error about a value. Other exceptions are bugs in the
    constructor and are raised unchanged.
    """
    import_users_modules()
    for place, inner in nodes(node, key):
        locate(inner[TARGET], f"{place}.{TARGET}")  # raises clearer errors than Hydra
    values = dict(node)
    for _ in range(RESOLVED):
        values = escaped(values)
    values = with_tensors(with_dtypes(values), key)
    config = OmegaConf.create({"_convert_": "all", **values}, flags={"allow_objects": True})
    try:
        return instantiate(config, *leading)
    except InstantiationException as error:
        reason = _reason(error, node, key)
    raise reason  # outside of `except`, so that the traceback of a bug does not include Hydra's error


def with_dtypes(value: Any) -> Any:
    """Return nested plain containers with the texts of torch's data types as these types, where `dtype` is.

    `{_target_: torchvision.transforms.v2.ToDtype, dtype: torch.float32}`: YAML has no other way to name one.
    """
    if isinstance(value, dict):
        return {name: _dtype(each) if name == "dtype" else with_dtypes(each) for name, each in value.items()}
    return [with_dtypes(each) for each in value] if isinstance(value, list) else value


def _dtype(value: Any) -> Any:
    named = isinstance(value, str) and value.startswith("torch.")
    found = getattr(torch, value.removeprefix("torch."), None) if named else None
    return found if isinstance(found, torch.dtype) else value


def with_tensors(value: Any, key: str) -> Any:
    """Return nested plain containers with each list for an argument that is a tensor as a float tensor.

    `{_target_: torch.nn.CrossEntropyLoss, weight: [1, 2]}`. Raise `Refused` for rows of unequal length.
    """
    if isinstance(value, list):
        return [with_tensors(each, f"{key}[{index}]") for index, each in enumerate(value)]
    if not isinstance(value, dict) or not value.get("_recursive_", True):
        return value
    types = parameter_types(locate(value[TARGET], key)) if TARGET in value else {}
    return {
        name: _tensor(each, f"{key}.{name}")
        if isinstance(each, list) and takes_tensor(types.get(name))
        else with_tensors(each, f"{key}.{name}")
        for name, each in value.items()
    }


def _tensor(numbers: list[Any], key: str) -> torch.Tensor:
    try:
        return torch.tensor(numbers, dtype=torch.get_default_dtype())
    except (ValueError, TypeError) as error:
        raise Refused(f"{key}: is no tensor: {error}") from error


def _reason(error: InstantiationException, node: Mapping[str, Any], key: str) -> BaseException:
    """Return the error inside Hydra's exception: a `UserError` for a user's mistake, or the bug itself."""
    cause = error.__cause__
    inner = re.search(r"^full_key: (.+)$", str(error), re.MULTILINE)
    place = f"{key}.{inner.group(1)}" if inner else key
    if cause is None or isinstance(cause, InstantiationException):
        return ConfigError(f"{place}: {str(cause or error).partition(chr(10))[0]}")
    if isinstance(cause, UserError):
        return cause
    if isinstance(cause, ValueError | TypeError | RuntimeError | AssertionError | ArithmeticError | OSError):
        refused = Refused(f"{place}: {node[TARGET]} cannot be built: {told(cause)}")
        refused.__cause__ = cause
        return refused
    return cause
