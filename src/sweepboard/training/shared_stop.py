"""A stop that all ranks of a run hear of at the same step."""

from __future__ import annotations

from sweepboard.training.signals import Pruned, StopFlag


class SharedStop(StopFlag):
    """The stop of several ranks. It is set by `hear`, while `own` is set by a signal to this rank alone.

    A rank that stopped on its own would leave the others waiting for it.
    """

    def __init__(self, own: StopFlag) -> None:
        self.own = own
        super().__init__(own.at_once)

    @property
    def at_once(self) -> bool:
        """Whether a signal to this rank ends it at once."""
        return self.own.at_once

    @at_once.setter
    def at_once(self, value: bool) -> None:
        self.own.at_once = value

    @property
    def received(self) -> int | None:
        """The signal that this rank, or one of its machine, has been sent."""
        return self.own.received

    def hear(self, signum: int, pruned: bool) -> None:
        """Take what any rank has been told; 0 is no signal."""
        self.signum = self.signum or signum or None
        if pruned:
            self.pruned = self.own.pruned or Pruned("the search stopped the run")
