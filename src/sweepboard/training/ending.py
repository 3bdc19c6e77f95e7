"""The final statuses of a run, for its record and its callbacks."""

from __future__ import annotations

from sweepboard.training.signals import Interrupted, Pruned

FINISHED, FAILED, INTERRUPTED = "finished", "failed", "interrupted"
PRUNED = "pruned"
"""The status of a run that its search stopped early because other runs are better."""


def status_of(error: BaseException | None) -> str:
    """Return the status of a run that ended with `error`, or `finished` for None."""
    if error is None:
        return FINISHED
    if isinstance(error, KeyboardInterrupt | Interrupted):
        return INTERRUPTED
    return PRUNED if isinstance(error, Pruned) else FAILED
