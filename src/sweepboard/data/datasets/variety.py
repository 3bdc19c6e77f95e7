"""Find out whether the samples of a data set vary, and what identifies one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sweepboard.data.seeds import borrowed_global_randomness, derive_seed, global_randomness
from sweepboard.data.tree import leaves

LOOKS = 5
"""Number of reads of a sample to detect random transforms with private generators.

A random flip is detected in fifteen cases of sixteen. Draws from the global generators are always detected.
"""


def varies(read: Callable[[], Any]) -> bool:
    """Return whether `read`, which returns a sample, uses random numbers or differs between calls."""
    looks, before, after = [], [], []
    with borrowed_global_randomness() as seed_generators:
        for look in range(LOOKS):
            seed_generators(derive_seed("look", look))
            before += [global_randomness()]
            looks += [digest_of(read())]
            after += [global_randomness()]
    # A data set that seeds for each sample leaves the same state, too.
    generators = zip(zip(*before, strict=True), zip(*after, strict=True), strict=True)
    return len(set(looks)) > 1 or any(then != now and len(set(now)) > 1 for then, now in generators)


def digest_of(tree: Any) -> str:
    """Return a SHA-256 over the tensors, arrays, numbers and texts in `tree`, and other types.

    An object that moves by `to`, like a graph library's batch, counts by its attributes.
    """
    digest = hashlib.sha256()
    for leaf in leaves(tree):
        digest.update(type(leaf).__qualname__.encode())
        if isinstance(leaf, Tensor):
            _add_tensor(digest, leaf)
        elif isinstance(leaf, np.ndarray | np.generic) or hasattr(leaf, "__array_interface__"):
            array = np.asarray(leaf)
            digest.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
        elif leaf is None or isinstance(leaf, str | bytes | int | float | complex):
            digest.update(repr(leaf).encode())
        elif hasattr(leaf, "to") and hasattr(leaf, "__dict__"):
            digest.update(digest_of(vars(leaf)).encode())
    return digest.hexdigest()


def _add_tensor(digest: Any, tensor: Tensor) -> None:
    digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
    if tensor.layout == torch.strided and not tensor.is_nested:
        plain = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous()
        digest.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b"")
