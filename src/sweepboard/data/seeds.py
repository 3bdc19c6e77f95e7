"""Random numbers as pure functions of (seed, purpose, epoch, ...), so that a resume needs no state."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive_seed(*parts: int | str) -> int:
    """Return a 63-bit seed from `parts` in order; different parts give independent streams."""
    text = "/".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(*parts: int | str) -> torch.Generator:
    """Return a CPU generator seeded by `derive_seed(*parts)`, equal on every device."""
    return torch.Generator().manual_seed(derive_seed(*parts))


@contextmanager
def borrowed_global_randomness() -> Iterator[Callable[[int], None]]:
    """Yield a function that seeds the global generators of torch (CPU), random and numpy, and restore them.

    For user code that draws from them, which must not disturb the run's own stream.
    """
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()
    try:
        yield _seed_global_generators
    finally:
        torch.set_rng_state(before[0])
        random.setstate(before[1])
        np.random.set_state(before[2])


@contextmanager
def seeded_construction(key: str) -> Iterator[None]:
    """Let what is made in the block for a key draw the same in every process and every run."""
    with borrowed_global_randomness() as seed_generators:
        seed_generators(derive_seed("made", key))
        yield


@contextmanager
def borrowed_device_randomness(device: torch.device, seed: int) -> Iterator[None]:
    """Seed the global generator of a GPU by CUDA for a block, and restore it."""
    if device.type != "cuda":
        yield
        return
    with torch.random.fork_rng([device], device_type=device.type), torch.cuda.device(device):
        torch.cuda.manual_seed(seed)
        yield


def global_randomness() -> tuple[str, str, str]:
    """Return digests of the states of the three generators, which change with every draw."""
    numpy = [np.asarray(part).tobytes() for part in np.random.get_state()]
    states = (torch.get_rng_state().numpy().tobytes(), repr(random.getstate()).encode(), b"".join(numpy))
    torchs, pythons, numpys = (hashlib.sha256(state).hexdigest() for state in states)
    return torchs, pythons, numpys


def _seed_global_generators(seed: int) -> None:
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach for every GPU too
    random.seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)
