"""Open the data set of a configuration, with what `dataset` says beside its constructor's arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from inspect import Parameter
from inspect import signature as signature_of
from typing import Any

from sweepboard.building.instantiate import construct
from sweepboard.compose.call_checks import RESERVED, check_call, check_node, signature, takes
from sweepboard.compose.group_keys import arguments, shared_keys
from sweepboard.compose.locate import TARGET, locate
from sweepboard.data.datasets.opening import open_source
from sweepboard.data.datasets.plain_samples import Plain
from sweepboard.data.sample_memory import limit_memory
from sweepboard.data.sampling import ConfiguredSource, Sampling
from sweepboard.data.seeds import seeded_construction
from sweepboard.data.types import DataSpec, Source
from sweepboard.errors import ConfigError
from sweepboard.settings import DATASET_PARTS, NAMED_FUNCTIONS

EVAL_TRANSFORM, EVAL = "eval_transform", "eval"
_TRANSFORM = "transform"
"""The argument of a data set that `eval_transform` replaces for validation and test samples."""

_BATCH_TRANSFORM = "batch_transform"
_CLASSES = "num_classes"
"""The argument of a batch transform that is the number of classes, unless it is given."""

_SAMPLERS = ("sampler", "batch_sampler")
_NO_DATA = ("weights", "indices", "sampler")
"""First arguments of torch's samplers that are not the data set."""


def open_data(config: Mapping[str, Any], own: bool = True) -> Source:
    """Return the data source of a plain configuration, without reading the data.

    Samples of a configuration that is not the user's `own` are prepared in limited memory.
    """
    node, extra = dataset_parts(config)
    test, val = (_held_out(name, extra) for name in ("test", "val"))
    collate_fn = _function("collate_fn", extra)
    train = _data_set(node, "dataset")
    plain = _plain(node, extra)
    if not own:
        for each in (train, test, val, plain.dataset):
            limit_memory(each)
    source = open_source(train, test, extra.get("classes"), plain, val=val, collate_fn=collate_fn)
    configured = _sampling(extra), _function("worker_init_fn", extra), _batch_transform(extra, own)
    return ConfiguredSource(source, *configured) if any(part is not None for part in configured) else source


def dataset_parts(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the constructor's arguments and the keys that describe the data set beside them.

    A key of the second kind that the constructor takes is of the first.
    """
    node = arguments(config, "dataset")
    target = locate(node[TARGET], f"dataset.{TARGET}")
    extra = {name: node.pop(name) for name in DATASET_PARTS if name in node and not takes(target, name)}
    return node, extra


def check_dataset(config: Mapping[str, Any]) -> None:
    """Check the arguments of every class and function in the `dataset` group. Raise `ConfigError`."""
    node, extra = dataset_parts(config)
    check_node(node, "dataset", 0, shared_keys("dataset"))
    if isinstance(extra.get(EVAL), Mapping):
        check_call(locate(node[TARGET], "dataset"), {**node, **extra[EVAL]}, f"dataset.{EVAL}", 0, ())
    for name in NAMED_FUNCTIONS:
        if (value := extra.pop(name, None)) is not None:
            key = f"dataset.{name}"
            function = _function_node(value, key)
            if name == _BATCH_TRANSFORM:
                function = _with_classes(function, key, classes=2)
            check_node(function, key, 1 if name in _SAMPLERS and _takes_data(function, key) else 0)
    check_node(extra, "dataset")


def _held_out(name: str, extra: Mapping[str, Any]) -> Any:
    if (given := extra.get(name)) is None:
        return None
    key = f"dataset.{name}"
    return _data_set(_for_evaluation(given, extra, key), key)


def _data_set(node: Mapping[str, Any], key: str, of: str | None = None) -> Any:
    """Return the data set of `node`, or a stream of its iterator, which is made anew for each pass.

    What it draws while it is made is the same each time, in every run: like the data set at the key `of`,
    by default `key`.
    """
    with seeded_construction(of or key):
        made = construct(node, key)
    if not hasattr(made, "__next__"):
        return made
    from sweepboard.data.datasets.stream_source import Rebuilt  # most runs start sooner without it

    return Rebuilt(partial(construct, node, key))


def _function(name: str, extra: Mapping[str, Any]) -> Any:
    """Return the function of the key `name`, None if there is none. Raise `ConfigError` for anything else."""
    if (value := extra.get(name)) is None:
        return None
    key = f"dataset.{name}"
    return _made(_function_node(value, key), key)


def _made(node: Mapping[str, Any], key: str) -> Any:
    made = _partial(node, key) if node.get("_partial_") else construct(node, key)
    if not callable(made):
        raise ConfigError(f"{key}: a {type(made).__qualname__} cannot be called; name a function")
    return made


def _partial(node: Mapping[str, Any], key: str) -> Any:
    """Return the function with its arguments: what Hydra 1.4 makes cannot be sent to a spawned worker."""
    values = {name: value for name, value in node.items() if name not in RESERVED}
    named = construct({TARGET: "builtins.dict", **values}, key)
    return partial(locate(node[TARGET], key), *(node.get("_args_") or ()), **named)


def _function_node(value: Any, key: str) -> Mapping[str, Any]:
    """Return the node of a function that is named, or given by a `_target_`.

    A function that needs more arguments than the node has is meant itself; any other is called, and returns
    the function, like a class.
    """
    node = {TARGET: value} if isinstance(value, str) else value
    if not isinstance(node, Mapping) or TARGET not in node:
        raise ConfigError(f"{key}: needs the name of a function, or {key}.{TARGET} and its arguments")
    target = locate(node[TARGET], key if isinstance(value, str) else f"{key}.{TARGET}")
    if isinstance(target, type) or "_partial_" in node or key.endswith(_SAMPLERS):
        return node
    return node if _is_complete(target, node) else {**node, "_partial_": True}


def _is_complete(target: Any, node: Mapping[str, Any]) -> bool:
    try:
        signature_of(target).bind(**{name: value for name, value in node.items() if name not in RESERVED})
    except (TypeError, ValueError):
        return False
    return True


def _batch_transform(extra: Mapping[str, Any], own: bool) -> Callable[[DataSpec | None], Any] | None:
    """Return what makes the batch transform for data like the spec, None if there is none."""
    if (value := extra.get(_BATCH_TRANSFORM)) is None:
        return None
    key = f"dataset.{_BATCH_TRANSFORM}"
    node = _function_node(value, key)

    def made(spec: DataSpec | None) -> Any:
        classes = None if spec is None else spec.classes
        change = _made(node if classes is None else _with_classes(node, key, classes), key)
        if not own:
            limit_memory(change)
        return change

    return made


def _with_classes(value: Any, key: str, classes: int) -> Any:
    """Return `value` with the number of classes for each `_target_` in it that takes it and has none."""
    if isinstance(value, list | tuple):
        return [_with_classes(inner, key, classes) for inner in value]
    if not isinstance(value, Mapping):
        return value
    filled = {name: _with_classes(inner, key, classes) for name, inner in value.items()}
    given = TARGET not in filled or filled.get("_args_") or filled.get(_CLASSES) is not None
    if not given and takes(locate(filled[TARGET], f"{key}.{TARGET}"), _CLASSES):
        filled[_CLASSES] = classes
    return filled


def _sampling(extra: Mapping[str, Any]) -> Sampling | None:
    given = [name for name in _SAMPLERS if extra.get(name) is not None]
    if not given:
        return None
    if len(given) > 1:
        raise ConfigError("dataset.batch_sampler: it draws the samples itself; leave dataset.sampler out")
    [name] = given
    key = f"dataset.{name}"
    node = _function_node(extra[name], key)
    takes_data = _takes_data(node, key)
    make = partial(_sampler, node, key, takes_data)
    return Sampling(key, make, takes_data, in_batches=name == "batch_sampler")


def _sampler(node: Mapping[str, Any], key: str, takes_data: bool, samples: Any) -> Any:
    return construct(node, key, *([samples] if takes_data else []))


def _takes_data(node: Mapping[str, Any], key: str) -> bool:
    """Return whether a sampler's first argument is left to be the data set."""
    first = next(iter(signature(locate(node[TARGET], key)) or []), None)
    if first is None or first.name in (*node, *_NO_DATA) or node.get("_args_"):
        return False
    positional = first.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return positional and (first.default is first.empty or first.name in ("dataset", "data_source"))


def _plain(node: Mapping[str, Any], extra: Mapping[str, Any]) -> Plain:
    """Return how the held-out samples of the data set `node` are read."""
    if not {EVAL, EVAL_TRANSFORM} & extra.keys():
        return Plain(remedy=_remedy(node))
    again: Mapping[str, Any] = {**node, **(extra.get(EVAL) or {})}
    again = _for_evaluation(again, extra, "dataset", replaces=True)
    key = f"dataset.{EVAL if EVAL in extra else EVAL_TRANSFORM}"
    if again == node:
        return Plain(key=key)
    return Plain(_data_set(again, key if EVAL in extra else "dataset", of="dataset"), key=key)


def _remedy(node: Mapping[str, Any]) -> str:
    if _takes_transform(node, "dataset"):
        return "dataset.eval_transform={_target_: ...}"
    return (
        "dataset.eval={argument: value} with what its constructor takes for samples without them, or "
        "dataset.eval_transform=null to validate on them as they are"
    )


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
