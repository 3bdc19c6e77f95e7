"""One hash that says whether two runs used the same data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from torch import Tensor

from sweepboard.data.spec import Split, Splits, TensorSplit


def fingerprint(splits: Splits, members: Mapping[str, Tensor]) -> str:
    """SHA-256 over the content of the splits and the `members` (indices) that a run divides them into.

    It does not depend on how the data is read. In-memory data counts with every byte, files of images with
    their names, sizes and classes.
    """
    whole = hashlib.sha256()
    for name, split in vars(splits).items():
        if split is not None:
            whole.update(f"{name}:{_digest(split)}\n".encode())
    for name, indices in members.items():
        whole.update(f"{name}:{len(indices)}\n".encode())
        whole.update(_bytes(indices))
    return whole.hexdigest()


def _digest(split: Split) -> str:
    if isinstance(split, TensorSplit):
        return _digest_of_tensors(split)
    own = getattr(split, "digest", None)
    return str(own()) if own else f"{type(split).__qualname__}/{len(split)}"


def _digest_of_tensors(split: TensorSplit) -> str:
    digest = hashlib.sha256()
    for tensor in (split.inputs, split.targets):
        digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.contiguous().numpy().reshape(-1).data
