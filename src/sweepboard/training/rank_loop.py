"""The training loop of one rank: all ranks make the same decisions at the same step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from sweepboard.data.dealing import Surplus, rounds
from sweepboard.data.types import Batch, Batches
from sweepboard.training.checkpoint import Checkpoints
from sweepboard.training.distributed import Group, lost_as_error
from sweepboard.training.evaluate import evaluate
from sweepboard.training.interruptible import interruptible
from sweepboard.training.loop import TICK, Loop
from sweepboard.training.loop_state import BestState, LoopState
from sweepboard.training.rank_states import own_state
from sweepboard.training.shared_stop import SharedStop
from sweepboard.training.signals import IN_A_WAIT, PATIENCE, Interrupted, Pruned, StopFlag

MEETING = 0.25
"""Seconds between two meetings, where a signal to one rank, or the clock of rank 0, becomes known to all."""

NOT_TOGETHER = f"{IN_A_WAIT}, and another rank was elsewhere: nothing was saved since the last checkpoint"
"""The `when` of `Interrupted` where ranks are between two updates that others are in."""


class RankLoop(Loop):
    """A loop whose learner has joined a `Group`.

    Metrics, schedules and losses are the same on all ranks. What is not (signals, clocks, callbacks that only
    rank 0 has) counts only after a meeting: before and after the events of a step, before each round of an
    evaluation, and every `MEETING` seconds, at a step that rank 0 has announced at the meeting before.
    """

    stop: SharedStop
    _saves = False  # whether rank 0 wants a checkpoint by the minute
    _pause = 1  # updates between two meetings
    _meets_always = False

    @property
    def ranks(self) -> Group:
        """All ranks of the run."""
        assert isinstance(self.learner.ranks, Group)
        return self.learner.ranks

    def stop_of_all(self, stop: StopFlag) -> SharedStop:
        """Return a stop of all ranks."""
        return SharedStop(stop)

    def run(self) -> None:
        """Implement `Loop.run`."""
        self._met, self._met_at = self.learner.step, time.perf_counter()
        ending = [name for name, each in self.callbacks.per_update if not each.writes_only]
        with lost_as_error(only_messages=True):
            # Such a callback may end the run, which must be at the step of one process.
            self._meets_always = self.ranks.largest([len(ending)]) != [0]
            super().run()

    def state(self) -> LoopState:
        """Return the state of rank 0, with what differs on the others."""
        state = super().state()
        return replace(state, ranks=self.ranks.gather(own_state(state))[1:])

    def _agree(self) -> None:
        own, is_first = self.stop.own, self.ranks.is_first
        wishes = [
            own.signum or 0,
            own.pruned is not None,
            self.measured.stop_reason is not None,
            is_first and super()._minutes_are_over(),
            self._next_pause() if is_first else 0,
        ]
        signum, pruned, stopped, saves, self._pause = self.ranks.largest(wishes)
        self.stop.hear(signum, bool(pruned))
        if stopped and self.measured.stop_reason is None:
            self.measured.stop_reason = "a callback of another rank"
        self._saves = bool(saves)
        self._met, self._met_at = self.learner.step, time.perf_counter()

    def _next_pause(self) -> int:
        """Return the updates that take `MEETING` seconds, at the speed since the last meeting."""
        made = self.learner.step - self._met
        if not made:
            return self._pause
        each = (time.perf_counter() - self._met_at) / made
        return max(1, min(int(MEETING / each), 2 * self._pause))

    def _leaves(self) -> bool:
        if time.perf_counter() > self.looked + TICK:
            self.look()
        if self.learner.step < self._met + self._pause and not self._meets_always:
            return False
        self._agree()
        return self._saves or self.stop.is_set or self.measured.stop_reason is not None

    def _minutes_are_over(self) -> bool:
        return self._saves

    def _evaluated_on(self, split: Batches, limit: int | None) -> dict[str, float]:
        batches = interruptible(rounds(split, limit, self.ranks.dealing), self.stop)
        return evaluate(self.learner, self._together(batches, split))

    def _best_weights(self, checkpoints: Checkpoints, step: int) -> BestState | None:
        found = super()._best_weights(checkpoints, step) if self.ranks.is_first else None
        sent = self.ranks.from_first(None if found is None else found.to_dict())
        return None if sent is None else BestState.from_dict(sent)

    def _together(self, batches: Iterator[Batch | None], split: Batches) -> Iterator[Batch | Surplus | None]:
        """Yield a batch in each round; where the weights are divided, all ranks must compute in each."""
        for batch in batches:
            self._agree()
            self.stop.check()
            yield Surplus(split.first(1)) if batch is None and self.learner.sharded else batch

    def _save_at_stop(self, stop: Interrupted | Pruned) -> None:
        if isinstance(stop, Interrupted) and stop.when == IN_A_WAIT and not self.ranks.all_give_up(PATIENCE):
            raise Interrupted(stop.signum, NOT_TOGETHER)
        super()._save_at_stop(stop)

    def _let_others_go(self) -> None:
        self.ranks.leave()
