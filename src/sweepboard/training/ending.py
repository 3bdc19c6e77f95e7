"""How a run ended, in the words of its record and of the callbacks."""

from __future__ import annotations

from sweepboard.training.signals import Interrupted, Pruned

FINISHED, FAILED, INTERRUPTED = "finished", "failed", "interrupted"
PRUNED = "pruned"
"""The status of a run that was stopped early because other runs of its search are better."""


def status_of(error: BaseException | None) -> str:
    """Return the status of a run that `error` ended, or that came to its end (None)."""
    if error is None:
        return FINISHED
    if isinstance(error, KeyboardInterrupt | Interrupted):
        return INTERRUPTED
    return PRUNED if isinstance(error, Pruned) else FAILED
