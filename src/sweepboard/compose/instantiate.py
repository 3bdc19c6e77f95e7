"""The only `instantiate`: from plain words with a `_target_` to the object they mean."""

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
"""The argument of a data set that it takes the place of, for samples that are not trained on."""

_FOREIGN = ("test", "classes", EVAL_TRANSFORM)
"""Keys of `dataset` that describe a third party's data set, unless its constructor has one of that name."""


class Refused(ConfigError):
    """A value that a constructor does not take."""


def construct(node: Mapping[str, Any], key: str, *leading: Any) -> Any:
    """Build what the plain `node`, which stands at `key`, says; `leading` arguments come first.

    A constructor's refusal of a value becomes `Refused`; any other exception is its own bug and comes
    out as it was raised.
    """
    import_users_modules()
    for place, inner in nodes(node, key):
        locate(inner[TARGET], f"{place}.{TARGET}")  # told better than by Hydra
    values = dict(node)
    for _ in range(RESOLVED):
        values = escaped(values)
    config = OmegaConf.create({"_convert_": "all", **values}, flags={"allow_objects": True})
    try:
        return instantiate(config, *leading)
    except InstantiationException as error:
        reason = _reason(error, node, key)
    raise reason  # out here, so that a bug's traceback is not followed by Hydra's about the same


def _reason(error: InstantiationException, node: Mapping[str, Any], key: str) -> BaseException:
    """What was raised inside Hydra's wrapping: a mistake as one line, or the bug itself."""
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
    """The part of an open group that goes to its constructor: without the runner's own keys."""
    shared = {item.name for item in fields(SHARED_KEYS[group])} if group in SHARED_KEYS else set()
    return {name: value for name, value in config[group].items() if name not in shared}


def shared_keys(group: str) -> list[str]:
    """The runner's own keys in an open group."""
    names = [item.name for item in fields(SHARED_KEYS[group])] if group in SHARED_KEYS else []
    return [*names, *_FOREIGN] if group == "dataset" else names


def dataset_parts(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The `dataset` group as the arguments of its constructor, and what is said beside them of a third
    party's data set: its `test` set, number of `classes`, and `eval_transform`."""
    node = arguments(config, "dataset")
    target = locate(node[TARGET], f"dataset.{TARGET}")
    beside = {name: node.pop(name) for name in _FOREIGN if name in node and not takes(target, name)}
    return node, beside


def open_data(config: Mapping[str, Any]) -> Source:
    """The data source of a plain configuration, described and not read."""
    node, beside = dataset_parts(config)
    test = beside.get("test")
    if test is not None:
        test = construct(_for_evaluation(test, beside, "dataset.test"), "dataset.test")
    train = construct(node, "dataset")
    return open_source(train, test, beside.get("classes"), _plain(node, beside))


def _plain(node: Mapping[str, Any], beside: Mapping[str, Any]) -> Plain:
    """How the held-out samples of the data set `node` are read."""
    if EVAL_TRANSFORM not in beside:
        takes_one = _takes_transform(node, "dataset")
        return Plain(remedy=f"dataset.{EVAL_TRANSFORM}=" + ("{_target_: ...}" if takes_one else "null"))
    again = _for_evaluation(node, beside, "dataset", replaces=True)
    if again != node:
        return Plain(construct(again, "dataset"))
    return Plain()


def _for_evaluation(
    node: Mapping[str, Any], beside: Mapping[str, Any], key: str, replaces: bool = False
) -> Mapping[str, Any]:
    """`node` with `dataset.eval_transform`, if there is one, where it says none itself or that `replaces`."""
    given = beside.get(EVAL_TRANSFORM)
    if EVAL_TRANSFORM not in beside or (_TRANSFORM in node and not replaces):
        return node
    if _takes_transform(node, key):
        if isinstance(given, Mapping):
            construct(given, f"dataset.{EVAL_TRANSFORM}")  # told by its own key if it cannot be built
        return {**node, _TRANSFORM: given}
    if given is not None and replaces:
        raise ConfigError(f"dataset.{EVAL_TRANSFORM}: {node[TARGET]} takes no {_TRANSFORM}; only null fits")
    return node


def _takes_transform(node: Mapping[str, Any], key: str) -> bool:
    return _TRANSFORM in node or takes(locate(node[TARGET], f"{key}.{TARGET}"), _TRANSFORM)
