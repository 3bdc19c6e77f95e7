"""Limit the memory of the models in a foreign configuration without allocating it.

The models are built once on torch's meta device, where tensors have a shape and no data, and every new
tensor is counted. Limits on single sizes are not enough: a weight's size is a product of several of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import isclass
from math import inf
from typing import Any

import torch
from torch import Tensor, nn

from sweepboard.building.instantiate import construct
from sweepboard.compat.torch import TorchDispatchMode, schema_of, tree_leaves, tree_map_only
from sweepboard.compose.interpolations import leaves
from sweepboard.compose.locate import TARGET
from sweepboard.data.memory import capacity
from sweepboard.errors import NotAllowed, UserError
from sweepboard.training.seeding import random_states_kept
from sweepboard.trust.allowed_objects import find, full_name, is_within

_MODELS = 2 * 2**30
"""Maximum bytes of all models of a run: half a billion weights. Training needs more than that."""

_SAMPLES = 4 * 2**30
"""Maximum bytes of the tensors that a forward pass of two samples creates."""

_TENSORS = 20_000
"""Maximum number of tensors in the models: each layer needs some kilobytes in addition to its weights."""

_SMALL = 2**16
"""Maximum bytes of a tensor with data: some models read their depths and widths from tensors."""

_BATCH = 2
_FUNCTIONS = ("torchvision.models", "sweepboard.models")
"""Packages whose functions return models."""


def refuse_giant_models(
    config: Mapping[str, Any],
    groups: Sequence[str],
    allowed: Sequence[str] = (),
    typed: Mapping[str, Any] | None = None,
) -> None:
    """Raise `NotAllowed` if the models, layers and losses in `groups` together need too much memory.

    The targets of `config` must have been checked before. Targets in `allowed` are not counted, and neither
    are models whose values were all `typed`. Raise `ConfigError` for a model that cannot be built.
    """
    typed = typed or {}
    count = _Count(_MODELS, _TENSORS)
    for group in groups:
        for key, node in _models(config.get(group), group, allowed):
            if not all(place in typed for place, _ in leaves(node, key)):
                with _without_side_effects(), _refused(key, node):
                    model = _build(key, node, count)
                    if key == "model" and "facts" in config:
                        _refuse_giant_batches(
                            _forward_count(model, config["facts"]["input_shape"]), config, typed
                        )


def _models(node: Any, key: str, allowed: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the outermost nodes that build a `torch.nn.Module`, with their keys."""
    if isinstance(node, Mapping) and _makes_a_model(node.get(TARGET), allowed):
        yield key, node
    elif isinstance(node, Mapping):
        for name, value in node.items():
            yield from _models(value, f"{key}.{name}", allowed)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _models(value, f"{key}[{index}]", allowed)


def _makes_a_model(target: Any, allowed: Sequence[str]) -> bool:
    found = find(target, allowed)
    name = full_name(found) or ""
    if found is None or any(is_within(name, one) for one in allowed):
        return False
    if isclass(found):
        return issubclass(found, nn.Module)
    return any(is_within(name, package) for package in _FUNCTIONS)


@contextmanager
def _without_side_effects() -> Iterator[None]:
    with random_states_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the real build repeats them
        yield


@contextmanager
def _refused(key: str, node: Mapping[str, Any]) -> Iterator[None]:
    try:
        yield
    except _TooMuch as error:
        home = (full_name(find(node[TARGET])) or "").rpartition(".")[0]
        raise NotAllowed(
            f"{key}: {node[TARGET]} takes {error}, more than a run folder that is not yours may ask of this "
            f"machine; if you trust it, add --allow {home}"
        ) from error


def _build(key: str, node: Mapping[str, Any], count: _Count) -> Any:
    with count:
        return construct({**node, "_partial_": False}, key)


def _forward_count(model: nn.Module, shape: Sequence[int]) -> _Count:
    """Return the count of a forward pass of two samples. The dry run reports a model that does not fit."""
    count = _Count(_SAMPLES)
    try:
        with count:
            model(torch.zeros(_BATCH, *shape))
    except _TooMuch:
        raise
    except Exception:
        pass
    return count


def _refuse_giant_batches(count: _Count, config: Mapping[str, Any], typed: Mapping[str, Any]) -> None:
    """Raise `NotAllowed` if a batch does not fit the memory of the CPU; for a GPU, torch raises an error."""
    if config["device"] != "cpu":
        return
    memory = capacity(torch.device("cpu"))
    for name, size in {"batch_size": count.bytes, "eval_batch_size": count.largest}.items():
        samples = config["dataset"][name]
        if size // _BATCH * samples > memory and f"dataset.{name}" not in typed:
            raise NotAllowed(
                f"dataset.{name}: {samples} samples at once take {size // _BATCH * samples / 2**30:.1f} GiB "
                f"in this model, more than this machine has; type dataset.{name}=... to say it yourself"
            )


class _TooMuch(UserError):
    """The models exceed a limit."""


class _Count(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Count the tensors that are created inside the `with` block; only small ones have data."""

    def __init__(self, most_bytes: int, most_tensors: float = inf) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._most = most_bytes, most_tensors
        self.bytes = self.largest = self._tensors = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run `func` on the meta device to count its result, then again with data if the result is small."""
        given = (args, dict(kwargs or {}))
        if not any("Tensor" in str(value.type) for value in schema_of(func).returns):
            return func(*args, **given[1])  # a number, which is read from a tensor with data
        made = _call(func, tree_map_only(Tensor, _without_data, given), "meta")
        small = self._counted(func, made) <= _SMALL
        if small and not any(one.is_meta for one in tree_leaves(given) if isinstance(one, Tensor)):
            return _call(func, given, "cpu")
        return args[0] if schema_of(func).is_mutable and _returns_alias(func) else made

    def _counted(self, func: Any, made: Any) -> int:
        """Return the bytes that `func` allocated for `made`; 0 for a view or an in-place operation."""
        if _returns_alias(func):
            return 0
        tensors = [one for one in tree_leaves(made) if isinstance(one, Tensor)]
        size = sum(one.numel() * one.element_size() for one in tensors)
        self.bytes += size
        self.largest = max(self.largest, size)
        self._tensors += len(tensors)
        if self.bytes > self._most[0]:
            raise _TooMuch(f"more than {self._most[0] / 2**30:.0f} GiB of memory")
        if self._tensors > self._most[1]:
            raise _TooMuch(f"more than {self._most[1]:,} tensors")
        return size


def _call(func: Any, given: tuple[Any, dict[str, Any]], device: str) -> Any:
    args, kwargs = given
    if any(argument.name == "device" for argument in schema_of(func).arguments):
        kwargs = {**kwargs, "device": torch.device(device)}
    return func(*args, **kwargs)


def _without_data(tensor: Tensor) -> Tensor:
    if tensor.is_meta:
        return tensor
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


def _returns_alias(func: Any) -> bool:
    return any(value.alias_info is not None for value in schema_of(func).returns)
