"""The contract of a callback: what the training loop calls, and when."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweepboard.training.progress import Progress


class Callback:
    """Base class of everything that follows a run. Each method does nothing until it is overridden.

    A callback only reads `progress`. It may change the model (freeze a layer, average weights), but then the
    run is another one. The global random states are restored after every method except `on_update`,
    `on_tick` and `on_scalars`: a callback that draws random numbers there uses a generator of its own.

    An exception ends the run as failed, and `finish` is still called on every callback. `Pruned`
    (`sweepboard.training.signals`) ends the run early, after a checkpoint.
    """

    may_fail: bool = False
    """Whether the run goes on without this callback where one of its methods raises, after one warning."""

    def on_start(self, progress: Progress) -> None:
        """Called before the first update, also when a run resumes."""

    def on_update(self, progress: Progress) -> None:
        """Called after each optimizer update, with its gradients still in place.

        Costs nothing where no callback overrides it.
        """

    def on_tick(self, progress: Progress) -> None:
        """Called a few times a second, between two updates."""

    def on_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Called with new scalars of one step, by tag (`train/loss`)."""

    def on_epoch_end(self, progress: Progress) -> None:
        """Called after the last update of an epoch, with its gradients still in place."""

    def on_validation(self, progress: Progress) -> None:
        """Called after a validation; its metrics are in `progress.val_metrics`."""

    def on_checkpoint(self, progress: Progress) -> None:
        """Called before a checkpoint is made."""

    def on_end(self, progress: Progress) -> None:
        """Called after the last update and the final test, not when the run failed or was stopped."""

    def finish(self, status: str) -> None:
        """Called once after any end, in reverse order: the first callback is the last to finish.

        `status` is `finished`, `failed`, `interrupted` or `pruned`.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return what must survive a resume: tensors, numbers, strings, and containers of them.

        Called for every checkpoint; also before `on_start`, to see whether there is a state at all.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up the `state_dict()` of the checkpoint from which the run resumes, before `on_start`."""

    def make_durable(self) -> None:
        """Wait until the disk has what this callback wrote. Called by the thread that writes checkpoints."""


NO_CALLBACKS: Mapping[str, Callback] = MappingProxyType({})
