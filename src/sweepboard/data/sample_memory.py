"""Limit the memory in which samples of a foreign run are prepared.

Limits on the numbers of a transform are not enough: `Resize(64)` scales the shorter side of a picture, whose
shape a stranger chose, and twenty of `Pad(4000)` grow it twenty times. The kernel limits them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from sweepboard.errors import RunFailed

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

_MOST = 2 * 2**30
"""Bytes that a sample may take while it is prepared, beyond what the process has."""

_MARK = "_sweepboard_limits_memory"


def limit_memory(reader: Any) -> None:
    """Mark a data set, or each in a mapping, or a transform as one of a foreign run.

    Its copies in workers are marked, too.
    """
    for each in reader.values() if isinstance(reader, Mapping) else ():
        limit_memory(each)
    with suppress(AttributeError):  # of a class of its own, which the user allowed
        object.__setattr__(reader, _MARK, True)


@contextmanager
def memory_limited(reader: Any, what: str, keys: str) -> Iterator[None]:
    """Let the block take a limited amount of memory if `reader` is marked. Raise `RunFailed` for more.

    The message names `what` takes it, and the `keys` to type instead.
    """
    taken = _taken() if resource and getattr(reader, _MARK, False) else None
    if taken is None:
        yield
        return
    soft, hard = _own_limits()
    wanted = taken + _MOST
    most = wanted if soft == resource.RLIM_INFINITY else min(soft, wanted)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    try:
        yield
    except Exception as error:
        if not _is_too_much(error):
            raise
        raise RunFailed(
            f"{what}: takes more than {_MOST / 2**30:.0f} GiB of memory to prepare, more than a run folder "
            f"that is not yours may ask of this machine; type {keys} with smaller ones"
        ) from error
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


@cache
def _own_limits() -> tuple[int, int]:
    """Return the limits from before the first sample: two threads may read at the same time."""
    return resource.getrlimit(resource.RLIMIT_DATA)


def _taken() -> int | None:
    """Return the bytes of data that count towards the limit; None if the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    except (OSError, IndexError):
        return None


def _is_too_much(error: Exception) -> bool:
    """Return whether PIL, numpy or torch got no memory, or PIL refuses a picture for its size."""
    refused = type(error).__name__ == "DecompressionBombError"
    return refused or isinstance(error, MemoryError) or "can't allocate memory" in str(error)
