"""Run a search: ask for trials as slots become free, monitor them, and record how they end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from optuna.trial import TrialState

from sweepboard.errors import UserError
from sweepboard.execution import Executor, Resources
from sweepboard.names import label
from sweepboard.runs.record import RUNNING
from sweepboard.search.journal import DamagedStudy
from sweepboard.search.objective import NoValue, objective_value
from sweepboard.search.results import announce, write_study
from sweepboard.search.search_file import Search
from sweepboard.search.study import SAME_AS, Study, Trial, reason_of
from sweepboard.settings import SweepSettings
from sweepboard.signing import Origin
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.job_status import WAITING, JobView, SweepCallback, views_of
from sweepboard.sweeps.launch import Launch, refuse_impossible
from sweepboard.sweeps.outcome import STOPPED
from sweepboard.sweeps.plan import PlannedJob, with_threads
from sweepboard.sweeps.plan_file import read_plan, write_plan
from sweepboard.sweeps.points import check_points
from sweepboard.sweeps.results import write_results
from sweepboard.training.ending import FAILED, FINISHED, INTERRUPTED, PRUNED
from sweepboard.training.signals import Interrupted, StopFlag

GOING_ON = (WAITING, RUNNING, INTERRUPTED)
"""States of a job that is to be run or resumed."""


def run_search(
    folder: SweepFolder,
    search: Search,
    executor: Executor,
    like: PlannedJob,
    settings: SweepSettings,
    display: SweepCallback,
    accept: bool = False,
) -> list[JobView]:
    """Run the search to its last trial, as many at once as fit. Return the views of all trials.

    `like` is a trial that needs as much room as any. The caller holds the lock of the folder. Raise
    `Interrupted` after SIGINT or SIGTERM, once every job has saved.
    """
    study = Study(folder.study, search)
    conductor = SearchRun(folder, study, settings, display, accept)
    display.on_start(folder, conductor.views)
    try:
        if not study.complete:
            executor.folder = folder.launcher
            with StopFlag() as stop, executor:
                conductor.run(executor, like, stop)
    finally:
        run = {job.label for job in conductor.plan.jobs}
        write_results(folder, conductor.plan, [view for view in conductor.views if view.label in run])
        write_study(folder, study, conductor.views)
        display.on_end(folder, conductor.views)
        announce(folder, study, conductor.views, display)
    return conductor.views


def example_of(search: Search, executor: Executor) -> PlannedJob:
    """Return a trial that needs as much room as any. Raise `UserError` if the executor can never run it."""
    like = planned(search, "", next(search.space.corners()), executor.resources())
    refuse_impossible(executor, [like])
    return like


def planned(
    search: Search, name: str, overrides: Sequence[str], resources: Resources, number: int = 0
) -> PlannedJob:
    """Return a trial as a job, checked like any run. Raise a `UserError` if it cannot run."""
    overrides = [*search.fixed, *overrides]
    one = with_threads(check_points([overrides], search.compose, resources)[0], search.threads)
    return PlannedJob.of(name, one, number)


class SearchRun(SweepCallback):
    """One attempt of a search. It wraps the display's callback to receive every validation."""

    def __init__(
        self,
        folder: SweepFolder,
        study: Study,
        settings: SweepSettings,
        display: SweepCallback,
        accept: bool = False,
    ) -> None:
        self.accept = accept
        self.folder, self.study, self.settings, self.display = folder, study, settings, display
        self.plan = read_plan(folder)
        self._runs = views_of(self.plan, folder)
        self.views = [JobView(f"{number:03d}") for number in range(max(study.size, len(study.trials)))]
        self._running: dict[str, int] = {}  # by label, the trials whose job runs or waits
        self._tried: dict[tuple[str, ...], int] = {}  # by overrides, the trials that were or are run
        self._same: defaultdict[int, list[int]] = defaultdict(list)  # by trial, those that wait for its end
        self._given_up = False
        self._record_earlier_attempts()

    def _record_earlier_attempts(self) -> None:
        """Record what earlier attempts have finished."""
        for trial in self.study.trials:
            if not trial.state.is_finished():
                continue
            overrides = self.study.search.space.overrides(trial.params)
            name = self._name(trial.number, overrides)
            other = trial.user_attrs.get(SAME_AS)
            if other is not None:
                self._show_same(trial.number, name, other)
                continue
            self._refuse_another(trial.number, name)
            view = self.views[trial.number] = self._runs.get(name) or JobView(name)
            self._tried[tuple(overrides)] = trial.number
            if trial.state == TrialState.FAIL:
                view.state, view.reason = FAILED, reason_of(trial)

    def run(self, executor: Executor, like: PlannedJob, stop: StopFlag) -> None:
        """Run until the last trial has ended. Raise `Interrupted` after a signal has stopped all jobs.

        `like` is a job that needs as much room as any.
        """
        waits = self.study.search.settings.pruner is not None
        own = self.study.search.allowed is None
        swept = [axis.key for axis in self.study.search.space.axes]
        self.launch = Launch(
            self.folder,
            self._runs,
            self.settings,
            executor,
            self,
            stop,
            self.plan.command,
            swept,
            waits,
            own=own,
            accept=self.accept,
        )
        for trial in self.study.running():
            self._begin(trial)
        while self._wants_more or executor.busy:
            while self._wants_more and executor.has_room(self.launch.as_job(like)):
                self._begin(self.study.ask())
            for view in self.launch.poll():
                self._record_end(view)
            if stop.signum is not None:
                self._given_up = True
                executor.stop_all(STOPPED)
        if stop.signum is not None:
            raise Interrupted(stop.signum)

    @property
    def _wants_more(self) -> bool:
        return not self._given_up and len(self.study.trials) < self.study.size

    @staticmethod
    def _name(number: int, overrides: Sequence[str]) -> str:
        """Return a trial's name, `007-model=cnn,optimizer.lr=0.00123`; the number makes it unique."""
        return f"{number:03d}-{label(overrides)}"

    def _refuse_another(self, number: int, name: str) -> None:
        """Raise an error if the job planned under a trial's number has other values than the study."""
        for job in self.plan.jobs:
            if job.label != name and job.label.partition("-")[0] == f"{number:03d}":
                raise DamagedStudy(
                    f"{self.folder.study} has lost what trial {number} was: {job.label}, and not {name}; put "
                    "the file back, or start a new search"
                )

    def _begin(self, trial: Trial) -> None:
        """Run a trial, unless the same point has run or is running, or the trial has already ended."""
        overrides = self.study.search.space.overrides(trial.values)
        name, number = self._name(trial.number, overrides), trial.number
        other = self._tried.setdefault(tuple(overrides), number)
        if other != number:
            self.views[number].label = name
            self._same[other].append(number)
            if self.study.trials[other].state.is_finished():
                self._repeat(other)
            return
        self._refuse_another(number, name)
        view = self.views[number] = self._runs.setdefault(name, JobView(name))
        try:
            job = planned(self.study.search, name, overrides, self.launch.executor.resources(), number)
        except UserError as error:
            view.state, view.reason = FAILED, str(error)
            self.display.on_state(view)
        if view.state in GOING_ON:
            self._submit(job, number)
        else:
            self._end(number, view)

    def _submit(self, job: PlannedJob, number: int) -> None:
        frozen = {each.label: each for each in self.plan.jobs}
        if job.label not in frozen or frozen[job.label].checksum != job.checksum:
            jobs, own = tuple({**frozen, job.label: job}.values()), self.study.search.allowed is None
            self.plan = replace(self.plan, jobs=jobs, origin=self.plan.origin if own else Origin.FOREIGN)
            write_plan(self.folder, self.plan)
        self._running[job.label] = number
        self.launch.submit(job)

    def _record_end(self, view: JobView) -> None:
        """Record that a job has ended, if it has and will not be retried."""
        again = view.state == FAILED and view.attempts <= self.settings.retry
        if view.label in self._running and view.state not in (WAITING, RUNNING) and not again:
            number = self._running.pop(view.label)
            if view.state != INTERRUPTED:
                self._end(number, view)

    def _end(self, number: int, view: JobView) -> None:
        """Tell the study the outcome of a trial."""
        if view.state == FINISHED:
            self._tell(number, view)
        elif view.state == PRUNED:
            self.study.prune(number)
        else:
            self.study.fail(number, view.reason or view.state)
            self._given_up = self._given_up or self.settings.on_failure == "stop"
        self._repeat(number)

    def _tell(self, number: int, view: JobView) -> None:
        folder = self.folder.job(view.label)
        try:
            self.study.tell(number, [objective_value(each, folder) for each in self.study.search.objectives])
        except NoValue as error:
            self.study.fail(number, str(error))
            self.on_note(f"{view.label}: {error}: it counts as failed")

    def _repeat(self, other: int) -> None:
        """Give all trials of the same point the same outcome."""
        for number in self._same.pop(other, []):
            self.study.repeat(number, other)
            self._show_same(number, self.views[number].label, other)
            self.display.on_state(self.views[number])

    def _show_same(self, number: int, name: str, other: int) -> None:
        past = self.views[other]
        self.views[number] = replace(past, label=name, reason=f"the same point as {past.label}")

    def on_state(self, view: JobView) -> None:
        self.display.on_state(view)

    def on_news(self, view: JobView) -> None:
        self.display.on_news(view)

    def on_note(self, text: str) -> None:
        self.display.on_note(text)

    def on_validation(self, view: JobView) -> None:
        """Decide whether to prune a trial after its validation; its job waits for the answer."""
        self.display.on_validation(view)
        if self._should_prune(view):
            self.launch.prune(view.label, self.study.why_pruned(self._running[view.label]))
        else:
            self.launch.let_go_on(view.label)

    def _should_prune(self, view: JobView) -> bool:
        """Record a validation and return whether to stop the trial; never after its last update."""
        objective, *others = self.study.search.objectives
        if others or not objective.validated or view.label not in self._running:
            return False
        value = view.metrics.get(objective.name)
        if value is None:
            return False
        bad = self.study.report(self._running[view.label], view.step, value)
        return bad and (view.step < view.total_steps or not view.total_steps)
