"""Forward passes that leave buffers, such as running means, as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def buffers_kept(module: nn.Module) -> Iterator[None]:
    """Let the block change copies of the buffers: the tensors themselves may be part of a graph."""
    own = [(part, dict(part.named_buffers(recurse=False))) for part in module.modules()]
    for part, buffers in own:
        for name, buffer in buffers.items():
            setattr(part, name, buffer.clone())
    try:
        yield
    finally:
        for part, buffers in own:
            for name, buffer in buffers.items():
                setattr(part, name, buffer)
