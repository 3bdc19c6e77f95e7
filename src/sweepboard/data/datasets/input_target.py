"""Convert a sample of a user's data set to an input and a target, or explain in a sentence why not."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from sweepboard.data.images import is_pil_image
from sweepboard.data.tensors import input_tensor, target_tensor


class Unfit(ValueError):
    """A sample that cannot be trained on; the message continues a name of the sample."""


def pair_of(sample: Any, channels: int | None = None) -> tuple[Tensor, Tensor]:
    """Return input and target as tensors, images with `channels` channels. Raise `Unfit`.

    A named tuple is no pair: whoever names its parts looks for them by name in a batch.
    """
    if not isinstance(sample, tuple | list) or len(sample) != 2 or hasattr(sample, "_fields"):
        raise Unfit(f"must be a pair of an input and a target, not {_described(sample)}{_way_out(sample)}")
    inputs, target = sample
    try:
        converted = input_tensor(inputs, channels)
    except TypeError as error:
        raise Unfit(
            f"must be a pair of an image or numbers and a target, not {_described(sample)}{_way_out(inputs)}"
        ) from error
    except ValueError as error:
        what = "image" if is_pil_image(inputs) else "input"
        raise Unfit(f"has an {what} that cannot be read: {error}") from error
    return converted, _target(target, sample)


def _target(target: Any, sample: Any) -> Tensor:
    shape, dtype = getattr(target, "shape", None), getattr(target, "dtype", None)
    try:
        return target_tensor(target)
    except ValueError as error:
        raise Unfit(f"has a target that cannot be read: {error}") from error
    except TypeError as error:
        if shape is None:
            wanted = "must be a pair of an image or numbers and a class number or real numbers"
            raise Unfit(f"{wanted}, not {_described(sample)}{_way_out(target)}") from error
        raise Unfit(
            f"has a target of shape {tuple(shape)} and type {dtype}, neither one class number nor real "
            "numbers: use target.argmax() where it is one-hot, target.float() for masks and several labels"
        ) from error


def _described(sample: Any) -> str:
    if isinstance(sample, tuple | list):
        return f"({', '.join(type(part).__qualname__ for part in sample)})"
    return "None" if sample is None else f"a {type(sample).__qualname__}"


def _way_out(value: Any) -> str:
    """Return advice for a value of this kind, or nothing."""
    if value is None:
        return "; leave such samples out of the data set"
    if isinstance(value, dict):
        return f"; give two of its values as a tuple (it has {', '.join(map(str, list(value)[:5]))})"
    if isinstance(value, str | bytes):
        return "; turn text into numbers first"
    return "; turn it into a tensor first" if is_pil_image(value) else ""
