"""The parts of the training loop as one state, which is saved and restored."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sweepboard.data.types import Data
from sweepboard.settings import TrainerSettings
from sweepboard.training.callback_list import CallbackList
from sweepboard.training.checkpoint import Checkpoints
from sweepboard.training.checkpoint_file import fitting
from sweepboard.training.evaluate import evaluating
from sweepboard.training.intervals import Intervals
from sweepboard.training.learner import Learner
from sweepboard.training.loop_state import BestState, LoopState
from sweepboard.training.monitor import Monitor
from sweepboard.training.progress import Measured, Progress
from sweepboard.training.rank_states import state_of_rank
from sweepboard.training.replaced_weights import replaced
from sweepboard.training.run_log import RunLog
from sweepboard.training.seeding import random_states, set_random_states
from sweepboard.training.signals import StopFlag
from sweepboard.training.tasks import metric_names


class LoopParts:
    """What the training loop works on, and how far it has come."""

    def __init__(
        self,
        learner: Learner,
        data: Data,
        settings: TrainerSettings,
        intervals: Intervals,
        callbacks: CallbackList,
        checkpoints: Checkpoints | None,
        stop: StopFlag,
    ) -> None:
        self.learner, self.data, self.settings, self.intervals = learner, data, settings, intervals
        self.callbacks, self.checkpoints, self.stop = callbacks, checkpoints, self.stop_of_all(stop)
        self.measured = Measured()
        self.log = RunLog(callbacks, lambda: learner.step)
        folder = checkpoints.run_folder if checkpoints else None
        self.progress = Progress(learner, data, settings, intervals, self.measured, self.log, folder)
        task, spec = self.learner.task, self.data.spec
        self.monitor = Monitor.of(self.settings, task, metric_names(task, spec))
        if callbacks.per_gradients:
            learner.on_gradients = lambda name: callbacks.on_gradients(self.progress, name)
        self.due = False  # whether the events of the last update are still to happen
        self.busy = 0.0  # seconds of training since the last logging point
        self.began = self.saved = self.looked = time.perf_counter()

    def stop_of_all(self, stop: StopFlag) -> StopFlag:
        """Return what stops the loop: the `stop` of this process, which is alone."""
        return stop

    @contextmanager
    def evaluated(self) -> Iterator[None]:
        """Give the model the mode and the weights that it is evaluated with during the block."""
        model, weights = self.learner.model, self.callbacks.evaluation_weights()[1]
        with self.learner.evaluation_weights(), replaced(model, weights), evaluating(model):
            yield

    def show(self, monitor: Monitor) -> None:
        """Take the best values so far from `monitor`."""
        measured, self.monitor = self.measured, monitor
        measured.best, measured.best_steps = monitor.best, monitor.best_steps
        measured.best_step = monitor.best_step
        measured.stopped_early = monitor.should_stop

    def state(self) -> LoopState:
        """Return everything that `run` needs to continue."""
        measured, step = self.measured, self.learner.step
        return LoopState(
            step=step,
            total_steps=self.intervals.total_steps,
            log_from=step if self.due else step + 1,
            due=self.due,
            learner=self.learner.state_dict(),
            data=self.data.train.state_dict(self.progress.epoch, self.progress.batch),
            monitor=self.monitor.state_dict(),
            train_metrics=measured.train_metrics,
            val_metrics=measured.val_metrics,
            test_metrics=measured.test_metrics,
            best_test_metrics=measured.best_test_metrics,
            samples_per_second=measured.samples_per_second,
            seconds=time.perf_counter() - self.began,
            busy=self.busy,
            stop_reason=measured.stop_reason or "",
            ended=measured.ended,
            evaluated_by=self.callbacks.evaluation_weights()[0],
            log=self.log.state_dict(),
            callbacks=self.callbacks.state_dict(),
            random=random_states(),
        )

    def restore(self, state: LoopState) -> None:
        """Load what `state()` returned. Raise `DamagedCheckpoint` if it does not fit this run."""
        with fitting():
            self._restore(state_of_rank(state, self.learner.ranks.dealing))
        self.callbacks.load_state_dict(state.callbacks)

    def _restore(self, state: LoopState) -> None:
        measured = self.measured
        self.learner.load_state_dict(state.learner)
        self.data.train.load_state_dict(state.data)
        self.show(self.monitor.continued(state.monitor))
        measured.train_metrics, measured.val_metrics = state.train_metrics, state.val_metrics
        measured.test_metrics, measured.best_test_metrics = state.test_metrics, state.best_test_metrics
        measured.samples_per_second, measured.log_from = state.samples_per_second, state.log_from
        extended = self.intervals.total_steps > state.total_steps
        measured.stop_reason = None if extended else state.stop_reason or None
        measured.ended = state.ended
        if not self.progress.finished:
            # The run was extended, or stopped before its end: an old final test no longer counts.
            measured.test_metrics, measured.best_test_metrics, measured.ended = {}, {}, False
        self.log.load_state_dict(state.log)
        self.due, self.busy = state.due, state.busy
        self.began -= state.seconds
        set_random_states(state.random)

    def best_state(self) -> BestState:
        """Return the weights that were just evaluated, with their metrics."""
        state = self.learner.model_state()
        state["model"] = {
            **state["model"],
            **self.learner.evaluated_weights(),
            **self.callbacks.evaluation_weights()[1],
        }
        return BestState(step=self.learner.step, metrics=self.measured.val_metrics, **state)
