"""The interface of a callback: its methods, and when the training loop calls them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

    from sweepboard.training.progress import Progress


class Callback:
    """Base class of callbacks. Each method does nothing by default.

    A callback only reads `progress`. It may change the model (freeze a layer, average weights), which changes
    the results of the run. The global random states are restored after every method except `on_update`,
    `on_gradients`, `on_tick` and `on_scalars`: a callback that draws random numbers there uses a generator of
    its own.

    An exception ends the run as failed, and `finish` is still called on every callback. `Pruned`
    (`sweepboard.training.signals`) ends the run early, after a checkpoint.
    """

    writes_only: bool = False
    """Whether the callback changes no result: `verify` leaves it out, `resume` may add and remove it."""

    may_fail: bool = False
    """Whether the run drops this callback with a warning, and continues, when one of its methods raises."""

    def check_model(self, model: nn.Module, key: str) -> None:
        """Raise `ConfigError` if the callback does not fit the model; `key` begins the message.

        It is called before a run or a sweep has a folder; neither object is used any further.
        """

    def on_start(self, progress: Progress) -> None:
        """Run before the first update of each attempt, also after a resume."""

    def on_gradients(self, progress: Progress, optimizer: str) -> None:
        """Run before each step of an optimizer, whose gradients are set, unscaled and not yet clipped.

        `optimizer` is its name, and `progress.step` the number of this update. The gradients may be changed.
        LBFGS has the event at each evaluation of the loss. It costs nothing unless a callback overrides it.
        """

    def on_update(self, progress: Progress) -> None:
        """Run after each optimizer update; the gradients are still set.

        The event costs nothing unless a callback overrides this method.
        """

    def on_tick(self, progress: Progress) -> None:
        """Run a few times a second, between two updates."""

    def on_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Receive the new scalars of one step, by tag (`train/loss`)."""

    def on_epoch_end(self, progress: Progress) -> None:
        """Run after the last update of an epoch, before validation; the gradients are still set."""

    def on_validation(self, progress: Progress) -> None:
        """Run after a validation; its metrics are in `progress.val_metrics`.

        The model has the weights that were evaluated, and is in evaluation mode: it can draw samples.
        """

    def on_checkpoint(self, progress: Progress) -> None:
        """Run before a checkpoint is saved."""

    def on_end(self, progress: Progress) -> None:
        """Run after the final test. A run that failed or was stopped does not get here."""

    def finish(self, status: str) -> None:
        """Run once after any end of the run, in reverse order of the callbacks.

        `status` is `finished`, `failed`, `interrupted` or `pruned`.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return what must survive a resume: tensors, numbers, strings, and containers of them.

        It is called for every checkpoint, and once before `on_start` to see whether there is a state.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load the state of the checkpoint that the run resumes from; called before `on_start`."""

    def evaluation_weights(self) -> Mapping[str, Tensor] | None:
        """Return tensors that replace those of the model, by name, while it is evaluated; None for no change.

        They are also what `best.pt`, `load_model` and `export` give, and what other callbacks see in
        `on_validation` and `on_end`. The state of the callback must hold them as `weights`.
        """
        return None

    def make_durable(self) -> None:
        """Wait until everything written is on the disk; called by the thread that writes checkpoints."""


NO_CALLBACKS: Mapping[str, Callback] = MappingProxyType({})
