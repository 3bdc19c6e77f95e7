"""A search carried out by a pool that is played: what is run, what the study is told, after any kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hydra import compose
from optuna.trial import TrialState

from sweepboard.compose.config_search import hydra_ready
from sweepboard.compose.read_settings import read_settings
from sweepboard.errors import NotAllowed
from sweepboard.execution import Ended, Event, Job, Message, Resources, Started
from sweepboard.execution.channel import Channel
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import RunRecord
from sweepboard.search.objective import Objective
from sweepboard.search.plan import parsed
from sweepboard.search.results import write_study
from sweepboard.search.resume import resume_search
from sweepboard.search.run import SearchRun, planned
from sweepboard.search.search_file import (
    DamagedSearch,
    Search,
    frozen,
    is_own_search,
    read_search,
    write_search,
)
from sweepboard.search.study import Study
from sweepboard.settings import SEARCH, SearchSettings, SweepSettings
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.job_main import Reporter
from sweepboard.sweeps.job_status import SweepCallback
from sweepboard.sweeps.plan import Plan
from sweepboard.sweeps.plan_file import read_frozen, write_plan
from sweepboard.sweeps.resume import ResumeRequest
from sweepboard.training.signals import Pruned, StopFlag

VALIDATIONS = 4
TINY = ("threads=1", "trainer.epochs=4", "trainer.limit_train_batches=2")
MOMENT = datetime(2026, 1, 2, 3, 4, 5)
LR = "optimizer.lr=tag(log, interval(1e-4, 1e-1))"


class Killed(BaseException):
    """The sweep's process is gone."""


@dataclass
class Run:
    """A job that is played: a line of validations, then its end."""

    job: Job
    code: int = 0
    validation: int = 0
    pruned: str | None = None

    @property
    def folder(self) -> RunFolder:
        return RunFolder(Path(self.job.arguments["folder"]))

    @cached_property
    def rate(self) -> float:
        """The learning rate, read as a job reads it."""
        place, arguments = SweepFolder(self.folder.path.parent), self.job.arguments
        config = read_frozen(place, arguments["frozen"], arguments["checksum"])
        return float(config.values["optimizer"]["lr"])

    def accuracy(self) -> float:
        """Like that of a real run: better for some learning rates, and with time."""
        return 0.9 - abs(self.rate - 0.01) * 5 - 0.2 / (1 + self.validation)

    def news(self) -> dict[str, Any]:
        return {
            "step": self.validation, "total_steps": VALIDATIONS, "primary_metric": "accuracy",
            "metrics": {"accuracy": self.accuracy()}, "best": {"accuracy": self.accuracy()},
        }  # fmt: skip

    def record(self, status: str, reason: str | None = None) -> None:
        self.folder.path.mkdir(exist_ok=True)
        entry = RunRecord(status=status, reason=reason, step=self.validation, primary_metric="accuracy")
        entry.best, entry.modes = {"accuracy": self.accuracy()}, {"accuracy": "max"}
        entry.write(self.folder)


@dataclass
class Stage:
    """A pool of two slots on which jobs are played, one event each at every look."""

    kill_after: int | None = None
    code: Callable[[Job], int] = lambda _: 0
    running: dict[str, Run] = field(default_factory=dict)
    waiting: list[Job] = field(default_factory=list)
    began: list[str] = field(default_factory=list)
    events: int = 0
    answered: int = 0

    @property
    def busy(self) -> bool:
        return bool(self.running or self.waiting)

    def resources(self) -> Resources:
        return Resources(1, jobs=2)

    def has_room(self, job: Job) -> bool:
        return len(self.running) + len(self.waiting) < 2

    def submit(self, job: Job) -> None:
        self.waiting.append(job)

    def stop_all(self, why: str) -> None:
        self.waiting.clear()

    def tell(self, name: str, message: dict[str, Any]) -> None:
        self.answered += 1
        self.running[name].pruned = message.get("prune")

    def poll(self) -> Iterator[Event]:
        for job in self.waiting:
            self.running[job.name] = Run(job, self.code(job))
            self.began.append(job.name)
            yield Started(job.name)
        self.waiting.clear()
        for run in list(self.running.values()):
            self.events += 1
            if self.events == self.kill_after:
                raise Killed
            yield self._event(run)

    def _event(self, run: Run) -> Event:
        if run.code == 0 and run.pruned is None and run.validation < VALIDATIONS:
            run.validation += 1
            run.record("interrupted")
            return Message(run.job.name, {"validated": run.news()})
        del self.running[run.job.name]
        if run.code == 0:
            run.record("pruned" if run.pruned else "finished", run.pruned)
        return Ended(run.job.name, run.code)


def search_of(*words: str, choices: tuple[str, ...] = (), **settings: Any) -> Search:
    """A search as the sweeper makes it; `choices` are the options of its config groups."""
    fixed, space = parsed([*TINY, *words])
    with hydra_ready():
        bases = {
            choice: frozen(compose("config", [*fixed, *choice.split()], return_hydra_config=True), MOMENT)
            for choice in choices or ("",)
        }
    return Search(
        read_settings(SearchSettings, settings, SEARCH),
        space,
        tuple(fixed),
        bases,
        (Objective("val/accuracy", "max"),),
        VALIDATIONS,
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SweepFolder:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = SweepFolder(tmp_path / "sweep")
    folder.path.mkdir()
    write_plan(folder, Plan((), 1))
    return folder


def attempt(
    folder: SweepFolder, search: Search, stage: Stage | None = None, settings: SweepSettings | None = None
) -> tuple[SearchRun, Stage]:
    """One process of a search."""
    stage = stage or Stage()
    conductor = SearchRun(folder, Study(folder.study, search), settings or SweepSettings(), SweepCallback())
    like = planned(search, "", next(search.space.corners()), Resources(1))
    conductor.run(stage, like, StopFlag())  # type: ignore[arg-type]  # plays its part
    return conductor, stage


def states(conductor: SearchRun) -> list[str]:
    return [trial.state.name for trial in conductor.study.trials]


def test_every_trial_is_run_judged_and_told(folder: SweepFolder) -> None:
    search = search_of(LR, "model=linear,mlp", choices=("model=linear", "model=mlp"), trials=12,
                       pruner="median", startup=2)  # fmt: skip
    conductor, stage = attempt(folder, search)
    assert len(stage.began) == 12 == len(set(stage.began))
    assert set(states(conductor)) == {"COMPLETE", "PRUNED"}
    assert stage.answered == sum(len(trial.intermediate_values) for trial in conductor.study.trials)
    for trial, view in zip(conductor.study.trials, conductor.views, strict=True):
        assert view.state == {"COMPLETE": "finished", "PRUNED": "pruned"}[trial.state.name]
        assert (view.reason is None) == (trial.state == TrialState.COMPLETE)
        assert view.label.startswith(f"{trial.number:03d}-optimizer.lr=")
        assert trial.params["model"] in view.label
    groups = [job.config.groups["model"] for job in conductor.plan.jobs]
    assert groups == [trial.params["model"] for trial in conductor.study.trials]
    assert [job.threads for job in conductor.plan.jobs] == [1] * 12


def test_at_its_last_validation_a_trial_is_not_pruned_any_more(folder: SweepFolder) -> None:
    search = search_of(LR, trials=8, pruner="median", startup=1, warmup=VALIDATIONS)
    assert states(attempt(folder, search)[0]) == ["COMPLETE"] * 8


@pytest.mark.parametrize("moment", range(1, 28, 4))
def test_killed_at_any_moment_it_ends_with_all_its_trials(folder: SweepFolder, moment: int) -> None:
    search = search_of(LR, trials=8, pruner="halving")
    with pytest.raises(Killed):
        attempt(folder, search, Stage(kill_after=moment))
    done = {path.parent.name for path in folder.path.glob("*/run.json") if "finished" in path.read_text()}
    conductor, stage = attempt(folder, search)
    assert len(states(conductor)) == 8
    assert set(states(conductor)) == {"COMPLETE", "PRUNED"}
    assert not done & set(stage.began)
    assert {job.label for job in conductor.plan.jobs} == {view.label for view in conductor.views}
    again, nothing = attempt(folder, search)
    assert nothing.began == []
    assert [(view.label, view.state, view.reason, view.best) for view in again.views] == [
        (view.label, view.state, view.reason, view.best) for view in conductor.views
    ]


def test_a_point_is_run_once(folder: SweepFolder) -> None:
    _, first = attempt(folder, search_of("optimizer.lr=0.1,0.01", trials=2, sampler="random"))
    search = search_of("optimizer.lr=0.1,0.01", trials=7, sampler="random")
    conductor, second = attempt(folder, search)
    assert len(first.began) + len(second.began) == 2
    assert states(conductor) == ["COMPLETE"] * 7
    same = [view for view in conductor.views if view.reason]
    assert len(same) == 5
    assert all(view.reason == f"the same point as {_original(conductor, view.label)}" for view in same)
    assert [view.reason for view in attempt(folder, search)[0].views] == [
        view.reason for view in conductor.views
    ]


def _original(conductor: SearchRun, label: str) -> str:
    return next(view.label for view in conductor.views if view.label[4:] == label[4:])


def test_a_trial_that_could_not_run_fails_and_the_others_go_on(folder: SweepFolder) -> None:
    search = search_of("dataset.val_fraction=0.1,2.0", trials=4, sampler="grid")
    conductor, stage = attempt(folder, search)
    assert sorted(states(conductor)) == ["COMPLETE", "FAIL"]
    assert len(stage.began) == 1
    failed = next(view for view in conductor.views if view.state == "failed")
    assert failed.reason == "dataset.val_fraction: must be at least 0 and less than 1, got 2.0"
    assert [view.reason for view in attempt(folder, search)[0].views] == [
        view.reason for view in conductor.views
    ]


@pytest.mark.parametrize(("failures", "state"), [(2, "COMPLETE"), (3, "FAIL")])
def test_a_failing_job_is_tried_again_before_it_is_a_failed_trial(
    folder: SweepFolder, failures: int, state: str
) -> None:
    codes = iter([1] * failures + [0])
    conductor, stage = attempt(
        folder,
        search_of(LR, trials=1),
        Stage(code=lambda _: next(codes)),
        SweepSettings(retry=2),
    )
    assert states(conductor) == [state]
    assert len(stage.began) == 3
    assert [view.state for view in attempt(folder, conductor.study.search)[0].views] == [
        conductor.views[0].state
    ]


def test_on_failure_stop_asks_for_nothing_more(folder: SweepFolder) -> None:
    failing = Stage(code=lambda _: 1)
    conductor, _ = attempt(folder, search_of(LR, trials=9), failing, SweepSettings(on_failure="stop"))
    assert states(conductor) == ["FAIL", "FAIL"]
    assert [view.state for view in conductor.views] == ["failed"] * 2 + ["waiting"] * 7


def test_what_is_frozen_is_read_back_and_composes_the_same(folder: SweepFolder) -> None:
    made = search_of(
        LR, "model=linear,mlp", "+optimizer.betas=[0.8,0.9]", choices=("model=linear", "model=mlp")
    )
    write_search(folder, made)
    assert is_own_search(folder)
    read = read_search(folder)
    assert read == made
    for words in made.space.corners(["model"]):
        assert planned(read, "x", words, Resources(1)) == planned(made, "x", words, Resources(1))
    text = folder.search.read_text()
    folder.search.write_text(text.replace("Linear", "Other"))
    with pytest.raises(DamagedSearch, match="is not what was frozen"):
        is_own_search(folder)


def test_the_best_trial_is_a_preset_that_composes_to_the_same(folder: SweepFolder) -> None:
    words = [LR, "model=linear,mlp", "+optimizer.betas=[0.8,0.9]", "task.label_smoothing=range(0.1,0.4,0.1)"]
    search = search_of(*words, choices=("model=linear", "model=mlp"), trials=5)
    conductor, _ = attempt(folder, search)
    write_study(folder, conductor.study, conductor.views)
    best = conductor.study.best()[0]
    again = ["experiment=best", f"hydra.searchpath=['file://{folder}']"]
    with hydra_ready():
        composed = compose("config", again, return_hydra_config=True)
    assert composed.hydra.runtime.choices.model == best.params["model"]
    config = conductor.plan.jobs[best.number].config.values
    assert composed.optimizer == config["optimizer"]
    assert composed.task == config["task"]
    assert composed.model._target_ == config["model"]["_target_"]


class Judged:
    """What a reporter reads of a run's progress."""

    def __getattr__(self, name: str) -> Any:
        return {"metrics": {}, "best": {}, "learner": self, "task": self}.get(name, 1)


def test_a_job_does_not_train_on_before_its_validation_is_answered() -> None:
    sweep, end = Channel.pair()
    channel = Channel(end)
    reporter = Reporter(channel, waits=True)
    job = Thread(target=reporter.on_validation, args=(Judged(),))
    job.start()
    assert "validated" in sweep.receive()[0]
    job.join(0.2)
    assert job.is_alive()
    sweep.send({"go_on": True})
    job.join(10)
    assert not job.is_alive()
    sweep.send({"prune": "others do better"})
    with pytest.raises(Pruned, match="others do better"):
        reporter.on_validation(Judged())
    sweep.close()
    reporter.on_validation(Judged())  # nobody is left to wait for
    channel.close()


EVIL = "from pathlib import Path\nfrom torch import nn\nPath('owned').touch()\n\nclass Net(nn.Module): ...\n"


@pytest.mark.parametrize("target", ["evil.Net", "os.system", "${oc.decode:evil.Net}", "choice"])
def test_someone_elses_search_is_looked_at_before_anything_is_built(
    folder: SweepFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "evil.py").write_text(EVIL)
    word = "model._target_=evil.Net,os.system" if target == "choice" else "optimizer.lr=0.1,0.01"
    search = search_of("model=linear", word, trials=1, sampler="grid")
    if target != "choice":
        search.bases[""]["model"]["_target_"] = target
    write_search(folder, search)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another user's"))
    with pytest.raises(NotAllowed, match=r"^(in .*: )?model\._target_: .* is not built from a run folder"):
        resume_search(folder, ResumeRequest(), SweepCallback())
    assert not (tmp_path / "owned").exists()
    assert list(folder.path.glob("*/run.json")) == []
