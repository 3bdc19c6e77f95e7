"""A packed file of tokens: bytes at random, two bytes each. What stands in it changes no time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.baselines.fashion import cache

COUNT, VOCABULARY = 1_000_000, 256


def path() -> Path:
    """Where the file is, once it was packed."""
    return cache() / f"tokens-{COUNT}.bin"


def pack() -> None:
    """Write the file, if there is none."""
    if not path().exists():
        path().parent.mkdir(parents=True, exist_ok=True)
        scratch = path().with_suffix(".part")
        np.random.default_rng(0).integers(VOCABULARY, size=COUNT, dtype=np.uint16).tofile(scratch)
        scratch.rename(path())


def mapped() -> np.ndarray[tuple[int], np.dtype[np.uint16]]:
    """Return the tokens, mapped into memory."""
    return np.memmap(path(), dtype=np.uint16, mode="r")
