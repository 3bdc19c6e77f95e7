"""Make a batch of samples of any kind, and say in one line why torch's `default_collate` cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import default_collate

from sweepboard.data.images import is_pil_image
from sweepboard.data.tree import leaves, map_leaves
from sweepboard.errors import RunFailed

Collate = Callable[[Sequence[Any]], Any]
"""Returns the batch of a list of samples."""

_OWN = "give a collate function (dataset.collate_fn=my_module.collate)"
_SHOWN = 5
"""Number of parts of a sample that a message describes."""


def collate_function(given: Collate | None, dataset: Any) -> Collate | None:
    """Return the collate function for `dataset`: `given`, else its method `collate_fn`, else None."""
    own = getattr(dataset, "collate_fn", None)
    return given if given is not None else own if callable(own) else None


def collated(samples: Sequence[Any], numbers: Sequence[int], name: str) -> Any:
    """Return `default_collate` of samples `numbers` of the data set `name`; Python's floats become float32.

    Raise `RunFailed`, which says what the samples are, if it refuses.
    """
    try:
        return default_collate([map_leaves(_as_float32, sample) for sample in samples])
    except (TypeError, RuntimeError, KeyError, ValueError, IndexError, AttributeError) as error:
        raise RunFailed(_why_not(samples, numbers, name)) from error


def described(sample: Any) -> str:
    """Return in words what a sample is: `(PIL image, int)`, `{ids: int64 of shape (7,), label: int}`."""
    if isinstance(sample, Tensor):
        return f"{str(sample.dtype).removeprefix('torch.')} of shape {tuple(sample.shape)}"
    if hasattr(sample, "dtype") and hasattr(sample, "shape"):
        return f"{sample.dtype} array of shape {tuple(sample.shape)}"
    if isinstance(sample, Mapping):
        return "{" + _listed([f"{name}: {described(part)}" for name, part in sample.items()]) + "}"
    if isinstance(sample, tuple):
        return f"({_listed([described(part) for part in sample])})"
    if isinstance(sample, list):
        return f"[{_listed([described(part) for part in sample])}]"
    if sample is None:
        return "None"
    return "PIL image" if is_pil_image(sample) else type(sample).__qualname__


def _listed(parts: Sequence[str]) -> str:
    return ", ".join(parts[:_SHOWN]) + (", …" if len(parts) > _SHOWN else "")


def _as_float32(leaf: Any) -> Any:
    return torch.tensor(leaf, dtype=torch.float32) if type(leaf) is float else leaf


def _why_not(samples: Sequence[Any], numbers: Sequence[int], name: str) -> str:
    for number, sample in zip(numbers, samples, strict=True):
        if (remedy := _remedy(sample)) is not None:
            return f"sample {number} of {name} is {described(sample)}: {remedy}, or {_OWN}"
    first, other = samples[0], _first_other(samples)
    if other == 0:
        what = f"sample {numbers[0]} of {name} is {described(first)}"
        return f"{what}: torch makes no batch of such samples; {_OWN}"
    return (
        f"sample {numbers[other]} of {name} is {described(samples[other])}, sample {numbers[0]} is "
        f"{described(first)}: make them alike, or {_OWN} that pads or keeps them apart"
    )


def _first_other(samples: Sequence[Any]) -> int:
    texts = [described(sample) for sample in samples]
    return next((place for place, text in enumerate(texts) if text != texts[0]), 0)


def _remedy(sample: Any) -> str | None:
    """Return what to do about a sample that `default_collate` takes under no circumstances."""
    for leaf in leaves(sample):
        if leaf is None:
            return "leave such samples out of the data set"
        if is_pil_image(leaf):
            return "turn the image into a tensor in a transform"
        if not isinstance(leaf, Tensor | str | bytes | int | float) and not hasattr(leaf, "dtype"):
            return f"torch makes no batch of a {type(leaf).__qualname__}"
    return None
