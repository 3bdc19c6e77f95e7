"""Digests that show whether two runs used the same data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from sweepboard.data.types import InMemory, Split, Splits


@dataclass(frozen=True)
class Fingerprint:
    """Digests of the data of a run."""

    whole: str
    """SHA-256 over the content of the splits and the samples that the run divides them into."""

    content: str
    """SHA-256 over the content alone, equal for every seed; empty if the data set has no digest."""


def fingerprint(splits: Splits, members: Mapping[str, Tensor], streams: str = "") -> Fingerprint:
    """Return the digests of `splits`, and of the `members` (indices) that a run divides them into.

    They do not depend on how the data are read. For data in memory every byte counts; for image files names,
    sizes, classes and the content of some; for streams that the run is evaluated on, what `streams` tells.
    """
    digests = {name: _digest(split) for name, split in vars(splits).items() if split is not None}
    content = hashlib.sha256("".join(f"{name}:{digest}\n" for name, digest in digests.items()).encode())
    content.update(streams.encode())
    whole = content.copy()
    for name, indices in members.items():
        whole.update(f"{name}:{len(indices)}\n".encode())
        whole.update(_bytes(indices))
    known = all(_knows_its_content(split) for split in vars(splits).values() if split is not None)
    return Fingerprint(whole.hexdigest(), content.hexdigest() if known else "")


def _knows_its_content(split: Split) -> bool:
    return isinstance(split, InMemory) or hasattr(split, "digest")


def _digest(split: Split) -> str:
    if isinstance(split, InMemory):
        return _digest_of_tensors(split)
    own = getattr(split, "digest", None)
    return str(own()) if own else f"{type(split).__qualname__}/{len(split)}"


def _digest_of_tensors(split: InMemory) -> str:
    digest = hashlib.sha256()
    for tensor in split.tensors:
        digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.contiguous().numpy().reshape(-1).data
