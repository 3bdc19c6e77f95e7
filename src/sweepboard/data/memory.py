"""Load a split into memory."""

from __future__ import annotations

from math import prod

import torch

from sweepboard.data.cache import cached
from sweepboard.data.loading import Loading
from sweepboard.data.order import in_batches
from sweepboard.data.samples import ChangingSamples, FixedSamples
from sweepboard.data.types import DataSpec, InMemory, Split, TensorSplit
from sweepboard.hardware import total_memory

_BATCH = 64
_CPU = torch.device("cpu")


def into_memory(split: Split, spec: DataSpec | None, device: torch.device, loading: Loading) -> Split:
    """Return `split` in the memory of `device`, or unchanged.

    It is unchanged if its samples vary or would fill more than a quarter of that memory. Images are decoded
    once.
    """
    if isinstance(split, InMemory):
        fits = device.type == "cpu" or _bytes_of(split) <= capacity(device) // 4
        return split.to(device) if fits else split
    if isinstance(split, ChangingSamples):
        return split.kept(loading)
    if spec is None or not isinstance(split, FixedSamples):
        return split
    if len(split) * prod(spec.input_shape) > capacity(device) // 4:
        return split
    whole = cached(*split.made_from(), lambda: _read_all(split, spec, loading))
    return TensorSplit(whole.inputs.to(device), whole.targets.to(device))


def _bytes_of(split: InMemory) -> int:
    return sum(tensor.nbytes for tensor in split.tensors)


def _read_all(split: FixedSamples, spec: DataSpec, loading: Loading) -> TensorSplit:
    """Return every sample in order, each copied at once, so that there are never two copies in memory."""
    from sweepboard.data.loader import LoaderReader  # what is in memory from the start needs none

    inputs = torch.empty((len(split), *spec.input_shape), dtype=torch.uint8)
    targets = torch.empty(len(split), dtype=torch.int64)
    reader = LoaderReader(split, spec, _CPU, seed=0, loading=loading)
    for chosen, (some_inputs, some_targets) in reader.read(0, in_batches(torch.arange(len(split)), _BATCH)):
        inputs[chosen], targets[chosen] = some_inputs, some_targets
    return TensorSplit(inputs, targets)


def capacity(device: torch.device) -> int:
    """Return the total memory in bytes; 0 if unknown."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return total_memory() or 0
