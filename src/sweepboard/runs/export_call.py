"""The call of a model that an exported program is made for, with a dynamic number of samples."""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sweepboard.building.assemble import build_task
from sweepboard.data.description import example_batch
from sweepboard.data.tree import leaves, map_leaves
from sweepboard.errors import RunFailed, UserError
from sweepboard.runs.reload import prepare_saved
from sweepboard.runs.saved_run import SavedRun
from sweepboard.training.model_call import ModelCall, model_call

log = logging.getLogger(__name__)

SAMPLES = 4


class NoExample(RunFailed):
    """No call of the model can be made up, because its data cannot be read."""


def example_call(saved: SavedRun, model: nn.Module, allowed: Sequence[str] = ()) -> ModelCall:
    """Return the call of `model` for a few real samples.

    If the data are gone, real numbers of the shape of an input take their place. Raise `NoExample` if that
    shape is not known.
    """
    try:
        return _real_call(saved, model, allowed)
    except UserError as error:
        if saved.config.values["facts"]["input_shape"] is None:
            raise NoExample(f"{saved.folder}: only its data show what the model takes: {error}") from error
        return ModelCall((invented_inputs(saved),), {})


def invented_inputs(saved: SavedRun) -> Tensor:
    """Return fixed real numbers of the shape of the run's samples."""
    shape = [SAMPLES, *saved.config.values["facts"]["input_shape"]]
    return torch.linspace(-1, 1, math.prod(shape)).reshape(shape)


def _real_call(saved: SavedRun, model: nn.Module, allowed: Sequence[str]) -> ModelCall:
    prepared = prepare_saved(saved, (), allowed)
    batch = example_batch(prepared.source, SAMPLES)
    call = None
    if batch is not None:
        call = model_call(build_task(prepared.config, prepared.source.spec), model, batch)
    if call is None:
        raise NoExample("its data give no sample before they are read, or its task does not call the model")
    return call


def dynamic_shapes(model: nn.Module, call: ModelCall) -> dict[str, Any]:
    """Return for torch.export that the first dimension of each tensor of samples may have any length."""
    batch, samples = torch.export.Dim("batch"), samples_of(call)
    named = inspect.signature(model.forward).bind(*call.args, **call.kwargs).arguments
    return {
        name: map_leaves(lambda leaf: {0: batch} if _is_batch(leaf, samples) else None, value)
        for name, value in named.items()
    }


def resized(call: ModelCall, wanted: int) -> ModelCall:
    """Return the call with `wanted` samples, its own ones repeated."""
    samples = samples_of(call)
    chosen = torch.arange(wanted) % max(1, samples)

    def change(leaf: Any) -> Any:
        return leaf.index_select(0, chosen) if _is_batch(leaf, samples) else leaf

    args, kwargs = map_leaves(change, (call.args, call.kwargs))
    return ModelCall(args, kwargs)


def samples_of(call: ModelCall) -> int:
    """Return the length of the first tensor of a call; 0 if there is none."""
    found = (len(leaf) for leaf in leaves(tuple(call)) if isinstance(leaf, Tensor) and leaf.ndim)
    return next(found, 0)


def _is_batch(leaf: Any, samples: int) -> bool:
    return isinstance(leaf, Tensor) and leaf.ndim > 0 and len(leaf) == samples


def close(left: Any, right: Any, rtol: float = 1e-5, atol: float = 1e-6) -> bool:
    """Return whether two outputs of a model are equal but for rounding."""
    pairs = list(zip(leaves(left), leaves(right), strict=True))
    tensors = [(a, b) for a, b in pairs if isinstance(a, Tensor)]
    return all(torch.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True) for a, b in tensors)
