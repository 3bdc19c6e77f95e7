"""Build objects from plain nodes with a `_target_`. No other module calls Hydra's `instantiate`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from hydra.errors import InstantiationException
from omegaconf import OmegaConf

from sweepboard.compat.hydra import RESOLVED, instantiate
from sweepboard.compose.interpolations import escaped
from sweepboard.compose.locate import TARGET, locate, nodes, told
from sweepboard.errors import ConfigError, UserError
from sweepboard.import_path import import_users_modules
from sweepboard.settings import DATASET_PARTS, KEYS_OF_ONE, SHARED_KEYS


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
    config = OmegaConf.create({"_convert_": "all", **values}, flags={"allow_objects": True})
    try:
        return instantiate(config, *leading)
    except InstantiationException as error:
        reason = _reason(error, node, key)
    raise reason  # outside of `except`, so that the traceback of a bug does not include Hydra's error


def _reason(error: InstantiationException, node: Mapping[str, Any], key: str) -> BaseException:
    """Return the error inside Hydra's exception: a `UserError` for a user's mistake, or the bug itself."""
    cause = error.__cause__
    inner = re.search(r"^full_key: (.+)$", str(error), re.MULTILINE)
    place = f"{key}.{inner.group(1)}" if inner else key
    if cause is None or isinstance(cause, InstantiationException):
        return ConfigError(f"{place}: {str(cause or error).partition(chr(10))[0]}")
    if isinstance(cause, UserError):
        return cause
    if isinstance(cause, ValueError | TypeError | RuntimeError | AssertionError | OSError):
        refused = Refused(f"{place}: {node[TARGET]} cannot be built: {told(cause)}")
        refused.__cause__ = cause
        return refused
    return cause


def arguments(config: Mapping[str, Any], group: str) -> dict[str, Any]:
    """Return the constructor's arguments in an open group: its values without the runner's own keys."""
    shared = {item.name for item in fields(SHARED_KEYS[group])} if group in SHARED_KEYS else set()
    return {name: value for name, value in config[group].items() if name not in shared}


def shared_keys(place: str) -> list[str]:
    """Return the runner's own keys in an open group, or in a node at a place inside one."""
    group, _, inner = place.partition(".")
    known = (KEYS_OF_ONE if inner else SHARED_KEYS).get(group)
    names = [item.name for item in fields(known)] if known else []
    return [*names, *DATASET_PARTS] if place == "dataset" else names
