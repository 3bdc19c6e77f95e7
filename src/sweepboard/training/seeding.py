"""Seed, save and restore the global random generators of Python, NumPy and torch."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seed every global generator (those of all GPUs too)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def random_states() -> dict[str, Any]:
    """Return the states of all global generators, in types that `torch.load(weights_only=True)` accepts."""
    name, key, position, has_gauss, gauss = cast(tuple[Any, ...], np.random.get_state())
    cuda = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(key.astype(np.int64)), position, has_gauss, gauss),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if cuda else [],
        "mps": torch.mps.get_rng_state() if torch.backends.mps.is_available() else None,
    }


def set_random_states(states: Mapping[str, Any]) -> None:
    """Restore all global generators to what `random_states()` returned.

    States of GPUs that this machine does not have are left out.
    """
    name, key, position, has_gauss, gauss = states["numpy"]
    random.setstate(states["python"])
    np.random.set_state((name, key.numpy().astype(np.uint32), position, has_gauss, gauss))
    torch.set_rng_state(states["torch"])
    if states["cuda"]:  # counting the GPUs of a machine without any takes longer than all the rest here
        for index, state in enumerate(states["cuda"][: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(state, index)
    if states["mps"] is not None and torch.backends.mps.is_available():
        torch.mps.set_rng_state(states["mps"])


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Restore the states of all global generators after the block."""
    states = random_states()
    try:
        yield
    finally:
        set_random_states(states)
