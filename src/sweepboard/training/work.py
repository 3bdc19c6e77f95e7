"""What a run executes: the training loop with its parts, or a training function of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sweepboard.settings import LoggingSettings
from sweepboard.training.callback import Callback
from sweepboard.training.checkpoint import Checkpoints
from sweepboard.training.distributed import ALONE, Ranks
from sweepboard.training.loop_state import LoopState
from sweepboard.training.signals import StopFlag


class RunProgress(Protocol):
    """What every run can tell of itself; `training.progress.Progress` has more."""

    @property
    def step(self) -> int:
        """The last step that was reached."""

    @property
    def total_steps(self) -> int:
        """Steps of the whole run; 0 if they are not known."""

    @property
    def log_from(self) -> int:
        """The first step that this attempt logs; scalars of earlier attempts from there on are replaced."""

    @property
    def epochs_done(self) -> float: ...

    @property
    def total_epochs(self) -> float: ...

    @property
    def seconds(self) -> float:
        """Time since the run began, over all attempts, at the last check of the clock."""

    @property
    def seconds_left(self) -> float: ...

    @property
    def metrics(self) -> Mapping[str, float]:
        """The last value of each metric of the record, by tag."""

    @property
    def best(self) -> Mapping[str, float]:
        """The best value of each validation metric."""

    @property
    def best_steps(self) -> Mapping[str, int]:
        """The step of each best value."""

    @property
    def best_step(self) -> int | None:
        """The step of the best weights; None if they are not known."""

    @property
    def primary_metric(self) -> str | None:
        """The metric by which runs are compared."""

    @property
    def modes(self) -> Mapping[str, str]:
        """Whether a smaller (`min`) or larger (`max`) value of each metric in `best` is better."""

    @property
    def fingerprint(self) -> str:
        """Digest of the samples and the split; empty if they are not known."""

    @property
    def content(self) -> str:
        """Digest of the samples alone; empty if they are not known."""

    @property
    def stop_reason(self) -> str | None:
        """Which callback stopped the run, and why; None if none did."""

    @property
    def callback_tags(self) -> Mapping[str, str]:
        """The tags that callbacks log, each with the name of the callback."""

    def weights_sha256(self) -> str | None:
        """Return the digest of the final weights; None if they are not known."""


class Work(Protocol):
    """What a run executes in its folder, once everything has been checked and built."""

    @property
    def fingerprint(self) -> str:
        """Digest of the samples and the split; empty if they are not known."""

    @property
    def content(self) -> str:
        """Digest of the samples alone; empty if they are not known."""

    @property
    def logging(self) -> LoggingSettings:
        """What is written to the board."""

    @property
    def pages(self) -> Mapping[str, str]:
        """What the board tells of the model and the data, in markdown by tag."""

    def check(self, state: LoopState) -> None:
        """Raise if `state`, from which the run is to go on, does not fit; nothing was written yet."""

    def run(
        self,
        callbacks: Mapping[str, Callback],
        checkpoints: Checkpoints,
        stop: StopFlag,
        resume: LoopState | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        """Execute it to its end, from `resume` on, as the first of `ranks`.

        Raise `Interrupted` if `stop` was set and `Pruned` if a callback raised it, after a checkpoint;
        `NotSaved` if the last checkpoint could not be written. `finish` is called on every callback.
        """
