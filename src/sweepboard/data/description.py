"""What is known of a source before its data are prepared: a small batch, and the names of classes."""

from __future__ import annotations

import torch

from sweepboard.data.types import Batch, Source


def example_batch(source: Source, count: int) -> Batch:
    """Return `count` training samples as they are trained on, on the CPU.

    A data set that can read a few samples at once (`samples`) gives real ones; of another one with pairs
    they are zeros of the right shape, and None of one with anything else.
    """
    spec = source.spec
    read = getattr(source, "samples", None)
    batch = read(count) if callable(read) else None
    if batch is None and spec is not None:
        is_class = spec.classes is not None
        targets = (
            torch.zeros(count, dtype=torch.int64) if is_class else torch.zeros(count, *spec.target_shape)
        )
        return torch.zeros(count, *spec.input_shape), targets
    return batch
