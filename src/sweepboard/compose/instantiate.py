"""Build objects from plain nodes with a `_target_`. No other module calls Hydra's `instantiate`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from hydra.errors import InstantiationException
from omegaconf import OmegaConf

from sweepboard.compat.hydra import RESOLVED, instantiate
from sweepboard.compose.call_checks import takes
from sweepboard.compose.interpolations import escaped
from sweepboard.compose.locate import TARGET, locate, nodes, told
from sweepboard.data.datasets.torch_dataset import Plain, open_source
from sweepboard.data.types import Source
from sweepboard.errors import ConfigError, UserError
from sweepboard.import_path import import_users_modules
from sweepboard.settings import SHARED_KEYS

EVAL_TRANSFORM = "eval_transform"
_TRANSFORM = "transform"
"""The argument of a data set that `eval_transform` replaces for validation and test samples."""

_EXTRA_KEYS = ("test", "classes", EVAL_TRANSFORM)
"""Extra keys of `dataset` for third-party data sets, unless the constructor has an argument of that name."""


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


def shared_keys(group: str) -> list[str]:
    """Return the runner's own keys in an open group."""
    names = [item.name for item in fields(SHARED_KEYS[group])] if group in SHARED_KEYS else []
    return [*names, *_EXTRA_KEYS] if group == "dataset" else names


def dataset_parts(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the constructor's arguments and the extra keys in the `dataset` group.

    The extra keys describe a third-party data set: `test`, `classes` and `eval_transform`.
    """
    node = arguments(config, "dataset")
    target = locate(node[TARGET], f"dataset.{TARGET}")
    extra = {name: node.pop(name) for name in _EXTRA_KEYS if name in node and not takes(target, name)}
    return node, extra


def open_data(config: Mapping[str, Any]) -> Source:
    """Return the data source of a plain configuration, without reading the data."""
    node, extra = dataset_parts(config)
    test = extra.get("test")
    if test is not None:
        test = construct(_for_evaluation(test, extra, "dataset.test"), "dataset.test")
    train = construct(node, "dataset")
    return open_source(train, test, extra.get("classes"), _plain(node, extra))


def _plain(node: Mapping[str, Any], extra: Mapping[str, Any]) -> Plain:
    """Return how the held-out samples of the data set `node` are read."""
    if EVAL_TRANSFORM not in extra:
        takes_one = _takes_transform(node, "dataset")
        return Plain(remedy=f"dataset.{EVAL_TRANSFORM}=" + ("{_target_: ...}" if takes_one else "null"))
    again = _for_evaluation(node, extra, "dataset", replaces=True)
    if again != node:
        return Plain(construct(again, "dataset"))
    return Plain()


def _for_evaluation(
    node: Mapping[str, Any], extra: Mapping[str, Any], key: str, replaces: bool = False
) -> Mapping[str, Any]:
    """Return `node` with `dataset.eval_transform`, if that is set, as its transform.

    A transform that `node` already has is kept, unless `replaces` is True.
    """
    given = extra.get(EVAL_TRANSFORM)
    if EVAL_TRANSFORM not in extra or (_TRANSFORM in node and not replaces):
        return node
    if _takes_transform(node, key):
        if isinstance(given, Mapping):
            construct(given, f"dataset.{EVAL_TRANSFORM}")  # so that an error names this key
        return {**node, _TRANSFORM: given}
    if given is not None and replaces:
        raise ConfigError(f"dataset.{EVAL_TRANSFORM}: {node[TARGET]} takes no {_TRANSFORM}; only null fits")
    return node


def _takes_transform(node: Mapping[str, Any], key: str) -> bool:
    return _TRANSFORM in node or takes(locate(node[TARGET], f"{key}.{TARGET}"), _TRANSFORM)
