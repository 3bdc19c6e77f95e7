"""The state of Hugging Face's streams, which is not all of it. Read from datasets 5.2.0.

It is used only where the user's code has imported it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any


def loses_samples(stream: Any) -> bool:
    """Return whether the `state_dict` of a stream leaves out samples, namely those in a shuffle buffer.

    As its documentation says, they are lost when it goes on from a state. When the names go, say True for
    every stream: it is then taken up by reading what comes before again.
    """
    datasets = sys.modules.get("datasets")
    if datasets is None or not isinstance(stream, datasets.IterableDataset):
        return False
    return any(
        type(part).__name__ == "BufferShuffledExamplesIterable" for part in _parts(stream._ex_iterable)
    )


def _parts(part: Any) -> Iterator[Any]:
    """Yield a part of a pipeline and those that it reads."""
    yield part
    for value in vars(part).values():
        for inner in value if isinstance(value, list | tuple) else [value]:
            if type(inner).__module__ == type(part).__module__ and hasattr(inner, "__dict__"):
                yield from _parts(inner)
