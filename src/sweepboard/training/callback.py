"""What the loop tells the outside: one base class of methods that do nothing.

The board, the progress bar and the checkpoints override what they need; the loop calls them all and
has no `if logging:` in it. Nothing here is called between two logging points, so a callback costs a
step nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweepboard.training.loop import Progress


class Callback:
    """JobMessage what happens in a run; every method may be left as it is.

    The loop keeps the random states around every method but `on_tick` and `on_scalars`, so whatever an
    callback draws, training cannot tell. It must leave weights, gradients and modes as they are. Where one
    raises `training.stop.Pruned`, the run ends with a checkpoint once all that is due has been done.
    """

    def on_start(self, progress: Progress) -> None:
        """Before the first update (also of a resumed run)."""

    def on_tick(self, progress: Progress) -> None:
        """A few times a second, between updates; for a progress bar."""

    def on_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """New points of scalars, tags as on the board, all of one step."""

    def on_epoch_end(self, progress: Progress) -> None:
        """After the last update of an epoch, gradients still in place, before its validation is told."""

    def on_validation(self, progress: Progress) -> None:
        """After a validation, its metrics in `progress.val_metrics`."""

    def on_checkpoint(self, progress: Progress) -> None:
        """Just before a checkpoint is made: whatever was logged so far must leave this process."""

    def make_durable(self) -> None:
        """In the thread that writes the checkpoint, before that becomes visible: the same for the disk."""

    def finish(self, status: str) -> None:
        """After any end, `finished`, `failed` or `interrupted`, by whoever called the loop."""

    def on_end(self, progress: Progress) -> None:
        """After the last update and the final test; not called when the run failed or was interrupted."""
