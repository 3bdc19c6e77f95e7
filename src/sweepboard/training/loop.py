"""The training loop: updates, and between them logging, validation and checkpoints.

Every event is due at a step, which is a number of updates. At such a step the loop first measures
(validation, test), which a signal may interrupt, and then commits (scalars, best values, schedules,
checkpoint), which nothing interrupts. So a saved state holds the update `step` and either all of its events
or none of them; if none, they happen first after the resume.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from itertools import islice

from sweepboard.data.types import Batch, Batches, Data
from sweepboard.errors import NotSaved
from sweepboard.metric_names import BEST_TEST, LAST_TEST, tagged
from sweepboard.settings import TrainerSettings
from sweepboard.training.best_weights import best_weights
from sweepboard.training.callback import NO_CALLBACKS, Callback
from sweepboard.training.callback_list import CallbackList
from sweepboard.training.checkpoint import Checkpoints
from sweepboard.training.evaluate import NO_TEST, FinalTest, evaluate
from sweepboard.training.interruptible import interruptible, until_stopped
from sweepboard.training.intervals import Intervals, due
from sweepboard.training.learner import Learner
from sweepboard.training.loop_parts import LoopParts
from sweepboard.training.loop_state import BestState, LoopState
from sweepboard.training.monitor import Monitor, check_watched
from sweepboard.training.progress import Progress
from sweepboard.training.run_log import TagTaken
from sweepboard.training.signals import Interrupted, Pruned, StopFlag
from sweepboard.training.state_copies import check_savable
from sweepboard.training.tasks import metric_names

log = logging.getLogger("sweepboard")

TICK = 0.15
"""Seconds between two checks of the clock, for `on_tick` and checkpoints by the minute."""


def fit(
    learner: Learner,
    data: Data,
    settings: TrainerSettings,
    *,
    logging_every_steps: int | None = None,
    callbacks: Mapping[str, Callback] = NO_CALLBACKS,
    checkpoints: Checkpoints | None = None,
    stop: StopFlag | None = None,
    resume: LoopState | None = None,
    loop_class: type[Loop] | None = None,
) -> Progress:
    """Train, validate, log and save as `settings` say; then test the last and the best weights.

    `logging_every_steps` is in updates (None: once an epoch). Checkpoints hold the state of a callback under
    its name in `callbacks`. `resume` is a state of `checkpoints.load()`: the run continues from it to the
    same weights and scalars as a run that was never stopped. `loop_class` is that of a rank.

    Raise NonFiniteLoss; after a checkpoint, Interrupted if `stop` was set and Pruned if a callback raised it;
    NotSaved if the last checkpoint could not be written; ConfigError for settings that exclude each other.
    `finish` is called on every callback after any end, also after an error.
    """
    stop = stop or StopFlag()
    listeners = CallbackList(callbacks, stop)
    with listeners.finishing():
        intervals = _intervals(learner, data, settings, logging_every_steps)
        loop = (loop_class or Loop)(learner, data, settings, intervals, listeners, checkpoints, stop)
        if resume is not None:
            loop.restore(resume)
        if checkpoints is not None:
            checkpoints.clean(loop.monitor.best_step)
        loop.run()
        if checkpoints is not None and (reason := checkpoints.wait()):
            raise NotSaved(checkpoints.run_folder, reason)
    return loop.progress


def _intervals(learner: Learner, data: Data, settings: TrainerSettings, log_every: int | None) -> Intervals:
    validates = data.val is not None
    intervals = Intervals.of(settings, len(data.train), log_every, validates)
    names = metric_names(learner.task, data.spec)
    check_watched(settings, learner.schedules, learner.task, names, validates)
    return intervals


class Loop(LoopParts):
    """The loop of one process."""

    def run(self) -> None:
        """Train from the current state to the end."""
        self.stop.at_once = False  # from here on there is something to save
        try:
            self.callbacks.on_start(self._progress_now())
            if self.checkpoints is not None:  # told now, and not at the first checkpoint
                check_savable(self.callbacks.state_dict(), "")
            self._agree()
            if self.due:
                self._do_what_is_due()
            while not self.progress.finished:
                self._train_epoch()
            if not self.measured.ended:
                self._end_where_stopped()
            with self.evaluated():
                self.callbacks.on_end(self._progress_now())
            self.log.flush()
        except (Interrupted, Pruned) as stop:
            self._save_at_stop(stop)
            raise
        finally:
            self._let_others_go()
            if self.checkpoints is not None:
                self.checkpoints.wait()

    def _save_at_stop(self, stop: Interrupted | Pruned) -> None:
        """Save what `stop` left: a finished update, with or without what was due after it."""
        del stop
        self._save(last=True)

    def _let_others_go(self) -> None:
        """Let the other ranks of the run go; one process has none."""

    def _train_epoch(self) -> None:
        """Train the rest of the epoch in progress."""
        epoch, groups = self.progress.epoch, self._groups()
        while self.progress.epoch == epoch and not self.progress.finished:
            self._update_until(self.intervals.next_event(self.progress.step), groups)
            self._do_what_is_due()

    def _groups(self) -> Iterator[list[Batch]]:
        """Yield the batches of each remaining update of this epoch."""
        start, limit = self.progress.batch, self.settings.limit_train_batches
        batches = interruptible(self.data.train.epoch(self.progress.epoch, start), self.stop)
        rest = islice(batches, None if limit is None else limit - start)
        while group := list(islice(rest, self.settings.accumulate)):
            yield group

    def _update_until(self, step: int, groups: Iterator[list[Batch]]) -> None:
        """Make updates until `step`, or until a signal comes or a checkpoint by the minute is due."""
        started, before, callbacks = time.perf_counter(), self.learner.step, self.callbacks
        leaves = self._leaves
        try:
            for _, group in zip(range(before, step), groups, strict=False):
                self.learner.update(group)
                if callbacks.per_update:
                    callbacks.on_update(self.progress)
                if leaves():
                    break
            else:
                if self.learner.step < step:
                    raise RuntimeError("the training set gave fewer batches than its length says")
        finally:  # also when the wait for a batch is given up: the state is saved
            self.due = self.learner.step > before
        self.learner.check()
        self.busy += time.perf_counter() - started
        self.stop.check()

    def _leaves(self) -> bool:
        """Return whether to leave the updates before the next event."""
        if self.measured.stop_reason or self.stop.is_set:
            return True
        return time.perf_counter() > self.looked + TICK and self.look()

    def _agree(self) -> None:
        """Let all ranks of the run know the same of signals and stops; one process knows all."""

    def look(self) -> bool:
        """Check the clock; return whether to leave the updates for a checkpoint or a stop."""
        self.looked = time.perf_counter()
        self.measured.seconds = self.looked - self.began
        self.callbacks.on_tick(self.progress)
        return self._minutes_are_over() or self.stop.is_set or self.measured.stop_reason is not None

    def _do_what_is_due(self) -> None:
        """Measure and commit what is due after the last update.

        A signal may interrupt the measurement; then everything happens after the resume.
        """
        self.log.flush(keep_current=True)  # loggers get the steps in their order
        self._agree()
        step, val = self.learner.step, {}
        at_end = step >= self.intervals.total_steps or self.measured.stop_reason is not None
        if at_end:
            self._save(last=True)  # before the final events: the state to extend the run from
        if self.data.val is not None and (at_end or due(step, self.intervals.validate)):
            val = self._measured(self.data.val, self.settings.limit_val_batches)
        monitor = self.monitor.seen(val, step) if val else self.monitor
        last = at_end or monitor.should_stop
        test = self._tested(monitor) if last else NO_TEST
        self._commit(step, val, monitor, test, last)
        self._agree()

    def _commit(
        self, step: int, val: dict[str, float], monitor: Monitor, test: FinalTest, last: bool
    ) -> None:
        """Log, call the callbacks and save; signals are not checked here."""
        if last or due(step, self.intervals.log):
            self._log_training()
        if step % self.intervals.steps_per_epoch == 0:
            self._end_epoch()
        if val:
            self._end_validation(val, monitor)
        if test.last:
            self._end_test(test)
        self.log.flush()
        self.due, self.measured.ended = False, last
        save = last or due(step, self.intervals.save) or self._minutes_are_over()
        self._save(last=save, best=bool(val) and monitor.improved)

    def _end_where_stopped(self) -> None:
        """Do the final events that are left, because a callback stopped the run after those of its update."""
        step, val = self.learner.step, {}
        if self.data.val is not None and not due(step, self.intervals.validate):
            val = self._measured(self.data.val, self.settings.limit_val_batches)
        monitor = self.monitor.seen(val, step) if val else self.monitor
        test = self._tested(monitor)
        if not self.learner.meter.is_empty:
            self._log_training()
        if val:
            self._end_validation(val, monitor)
        if test.last:
            self._end_test(test)
        self.log.flush()
        self.measured.ended = True
        self._save(last=True, best=bool(val) and monitor.improved)

    def _tested(self, monitor: Monitor) -> FinalTest:
        """Measure the last and the best weights on the test set, once if they are the same."""
        last, best_step = self._measured_test(), monitor.best_step
        if best_step is None or self.checkpoints is None or not last:
            return FinalTest(last, {})
        if best_step == self.learner.step:
            return FinalTest(last, last)
        best = self._best_weights(self.checkpoints, best_step)
        return FinalTest(last, {} if best is None else self._measured_test(best))

    def _measured_test(self, best: BestState | None = None) -> dict[str, float]:
        return self._measured(self.data.test, self.settings.limit_test_batches, best)

    def _best_weights(self, checkpoints: Checkpoints, step: int) -> BestState | None:
        """Return the best weights, which were saved after the validation at `step`."""
        found = checkpoints.load_best(step)
        if found is None:
            log.warning("the best weights, of step %s, are not tested: %s lacks them", step, checkpoints.best)
        return found

    def _measured(
        self, split: Batches | None, limit: int | None, best: BestState | None = None
    ) -> dict[str, float]:
        """Measure the present weights, or the best ones, on a split."""
        if split is None:
            return {}
        with self.evaluated() if best is None else best_weights(self.learner, best):
            return self._evaluated_on(split, limit)

    def _evaluated_on(self, split: Batches, limit: int | None) -> dict[str, float]:
        batches = interruptible(split.epoch(0), self.stop)
        return evaluate(self.learner, until_stopped(islice(batches, limit), self.stop))

    def _log_training(self) -> None:
        """Log the training metrics over the updates since the last logging point."""
        measured, meter = self.measured, self.learner.meter
        measured.train_metrics = meter.metrics()
        measured.samples_per_second = meter.samples / self.busy
        meter.clear()
        self.busy = 0.0
        own = {tag: float(rate) for tag, rate in self.learner.learning_rates.items()}
        own |= {"epoch": self.progress.epochs_done} if self.progress.has_epochs else {}
        own["samples_per_second"] = measured.samples_per_second
        for name in own.keys() & measured.train_metrics.keys():
            raise TagTaken(f"task: train/{name} is a tag of the run; give the value another name")
        self._emit(tagged("train/", {**measured.train_metrics, **own}))

    def _end_epoch(self) -> None:
        self.callbacks.on_epoch_end(self._progress_now())
        self.learner.schedules.after("epoch", {})

    def _end_validation(self, metrics: dict[str, float], monitor: Monitor) -> None:
        self.measured.val_metrics = metrics
        self.show(monitor)
        self._emit({**tagged("val/", metrics), **tagged("val_best/", monitor.best)})
        self.learner.schedules.after("validation", metrics)
        with self.evaluated():
            self.callbacks.on_validation(self._progress_now())

    def _end_test(self, test: FinalTest) -> None:
        self.measured.test_metrics, self.measured.best_test_metrics = test
        self._emit({**tagged(LAST_TEST, test.last), **tagged(BEST_TEST, test.best)})

    def _save(self, last: bool = False, best: bool = False) -> None:
        """Save the last and the best checkpoint if due, after the logs have reached the disk."""
        if self.checkpoints is None or not (last or best):
            return
        if last:
            self.callbacks.on_checkpoint(self._progress_now())
            self.log.flush(keep_current=self.due)
            self.saved = time.perf_counter()
        last_state = self.state().to_dict() if last else None
        best_state = self.best_state().to_dict() if best else None
        of_end_only = not due(self.learner.step, self.intervals.validate)
        self.checkpoints.save(last_state, best_state, self.callbacks.make_durable, of_end_only)

    def _minutes_are_over(self) -> bool:
        minutes = self.settings.checkpoint.every_minutes
        return minutes is not None and time.perf_counter() > self.saved + 60.0 * minutes

    def _progress_now(self) -> Progress:
        self.measured.seconds = time.perf_counter() - self.began
        return self.progress

    def _emit(self, scalars: Mapping[str, float]) -> None:
        self.log.taken_by_runner(scalars)
        self.callbacks.on_scalars(self.learner.step, scalars)
