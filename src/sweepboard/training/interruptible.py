"""Iterate over batches so that a signal can end the iteration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sweepboard.data.types import Batch
from sweepboard.data.waiting import GaveUpWaiting
from sweepboard.training.signals import IN_A_WAIT, Interrupted, StopFlag


def interruptible(batches: Iterable[Batch], stop: StopFlag) -> Iterator[Batch]:
    """Yield `batches`; raise `Interrupted` when a signal ended the wait for one.

    The state of the run is complete between two batches and can be saved.
    """
    try:
        yield from batches
    except GaveUpWaiting:
        if stop.received is None:
            raise
        raise Interrupted(stop.received, IN_A_WAIT) from None


def until_stopped(batches: Iterable[Batch], stop: StopFlag) -> Iterator[Batch]:
    """Yield `batches`; raise what `stop.check()` raises before each one."""
    for batch in batches:
        stop.check()
        yield batch
