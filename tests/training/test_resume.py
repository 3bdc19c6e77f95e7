"""A run that is stopped anywhere and resumed ends as one that never was."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sweepboard.settings import CheckpointSettings, EarlyStopping, TrainerSettings
from sweepboard.training.callback import Callback
from sweepboard.training.checkpoint import Checkpoints, weights_sha256
from sweepboard.training.checkpoint_file import load_checkpoint
from sweepboard.training.learner import Learner
from sweepboard.training.loop import fit
from sweepboard.training.loop_state import LoopState
from sweepboard.training.progress import Progress
from sweepboard.training.seeding import seed_everything
from sweepboard.training.signals import Interrupted, StopFlag
from tests.training.conftest import Journal, World


class StopAtLook(StopFlag):
    """A signal has come when the loop looks for the `looks`-th time: after an update, or while measuring."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    @property
    def signum(self) -> int | None:
        self.looks -= 1
        return signal.SIGTERM if self.looks <= 0 else None

    @signum.setter
    def signum(self, value: int | None) -> None: ...


class Killed(BaseException):
    """The process is gone: no handler runs, nothing is saved."""


class KillAt(Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_tick(self, progress: Progress) -> None:
        if progress.step >= self.step:
            raise Killed


RUNS = {
    "steps": (
        "warmup",
        TrainerSettings(
            steps=17,
            accumulate=2,
            val_every_steps=4,
            checkpoint=CheckpointSettings(every_steps=3),
            grad_clip=1.0,
        ),
        5,
    ),
    "epochs": ("epoch", TrainerSettings(epochs=3, checkpoint=CheckpointSettings(every_epochs=2)), None),
    "early": (
        "plateau",
        TrainerSettings(
            epochs=9,
            accumulate=4,
            val_every_steps=2,
            early_stopping=EarlyStopping(patience=2, metric="loss", min_delta=0.05),
            limit_train_batches=7,
        ),
        3,
    ),
    "onecycle": ("onecycle", TrainerSettings(steps=30, val_every_epochs=None, limit_val_batches=2), 1),
}


def train(world: World, name: str, folder: Path, **more: Any) -> tuple[str, Journal]:
    """One attempt of a run of RUNS, its digest and its journal; a new process as far as state goes."""
    scheduler, trainer, every = RUNS[name]
    learner = world.learner(scheduler, grad_clip=trainer.grad_clip)
    if more.get("resume"):
        seed_everything(99)  # so that a state that is not restored cannot be right by chance
    journal = more.pop("journal", None) or world.journal()
    fit(
        learner,
        world.data(),
        trainer,
        logging_every_steps=every,
        callbacks={"journal": journal, **more.pop("callbacks", {})},
        checkpoints=Checkpoints(folder),
        **more,
    )
    return weights_sha256(learner.model), journal


@pytest.fixture(scope="module")
def whole(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Journal]]:
    """Each run without a stop."""
    return {name: train(world, name, tmp_path_factory.mktemp(name)) for name in RUNS}


@pytest.mark.parametrize("name", RUNS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(looks=st.lists(st.integers(1, 60), min_size=1, max_size=3))
def test_signals_at_any_moment(
    world: World,
    whole: dict[str, tuple[str, Journal]],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    looks: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("run")
    journal, resume = world.journal(), None
    for look in looks:
        with suppress(Interrupted):  # a run may end before so many looks
            train(world, name, folder, resume=resume, journal=journal, stop=StopAtLook(look))
        resume = Checkpoints(folder).load()
        assert resume is not None
        journal = journal.cut(resume.log_from)
    digest, journal = train(world, name, folder, resume=resume, journal=journal)
    assert journal.repeatable() == whole[name][1].repeatable()
    assert digest == whole[name][0]


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("step", [1, 4, 7, 9])
def test_killed_without_warning(
    world: World,
    whole: dict[str, tuple[str, Journal]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    step: int,
) -> None:
    monkeypatch.setattr("sweepboard.training.loop.TICK", 0.0)
    journal = world.journal()
    try:
        train(world, name, tmp_path, journal=journal, callbacks={"kill": KillAt(step)})
    except Killed:
        resume = Checkpoints(tmp_path).load()
        journal = journal.cut(resume.log_from if resume else 0)
        _, journal = train(world, name, tmp_path, resume=resume, journal=journal)
    else:
        pytest.fail("the run ended before it was killed")
    assert journal.repeatable() == whole[name][1].repeatable()
    state = Checkpoints(tmp_path).load()
    assert state is not None
    assert state.step == max(step for _, step in journal.scalars)


def test_a_finished_run_has_nothing_left_to_do(world: World, tmp_path: Path) -> None:
    digest, journal = train(world, "early", tmp_path)
    assert train(world, "early", tmp_path, resume=Checkpoints(tmp_path).load(), journal=journal)[0] == digest


def test_a_longer_run_follows_the_new_horizon(world: World, tmp_path: Path) -> None:
    """The schedule's own length is an argument, not a state: extending a run must not keep the old one."""
    short = world.learner("warmup")
    fit(short, world.data(), TrainerSettings(steps=20), checkpoints=Checkpoints(tmp_path))
    state = Checkpoints(tmp_path).load()
    assert state is not None
    assert "base_lrs" not in state.learner["schedules"]["optimizer"]
    learner, journal = world.learner("warmup"), world.journal()
    fit(learner, world.data(), TrainerSettings(steps=30), callbacks={"journal": journal}, resume=state)
    assert learner.step == 30
    assert max(step for _, step in journal.scalars) == 30


@pytest.mark.parametrize("scheduler", ["epoch", "plateau"])
def test_a_run_made_longer_is_the_longer_run(world: World, tmp_path: Path, scheduler: str) -> None:
    """Also from an end in the middle of everything: what belongs to that end alone leaves no trace."""

    def attempt(steps: int, **more: Any) -> tuple[str, Journal]:
        learner, journal = world.learner(scheduler), more.pop("journal", world.journal())
        trainer = TrainerSettings(steps=steps, val_every_steps=4)
        fit(learner, world.data(), trainer, logging_every_steps=5, callbacks={"journal": journal}, **more)
        return weights_sha256(learner.model), journal

    digest, whole = attempt(30, checkpoints=Checkpoints(tmp_path / "whole"))
    _, journal = attempt(17, checkpoints=Checkpoints(tmp_path / "run"))
    assert max(journal.tags("test/loss")) == 17
    checkpoints = Checkpoints(tmp_path / "run")
    state = checkpoints.load(steps=30)
    assert state is not None
    cut = journal.cut(state.log_from)
    resumed, journal = attempt(30, resume=state, journal=cut, checkpoints=checkpoints)
    assert resumed == digest
    assert journal.repeatable() == whole.repeatable()


@pytest.mark.parametrize("optimizer", ["LBFGS", "Adam", "RMSprop", "Adagrad", "NAdam", "Adafactor", "Muon"])
def test_optimizers_resume_bit_for_bit(world: World, tmp_path: Path, optimizer: str) -> None:
    """Each keeps another kind of state."""

    def attempt(steps: int, resume: LoopState | None = None) -> tuple[str, Journal]:
        other, journal = world.learner("none"), world.journal()
        weights = [p for p in other.model.parameters() if optimizer != "Muon" or p.ndim == 2]
        learner = Learner(other.model, other.task, getattr(torch.optim, optimizer)(weights, lr=0.01))
        fit(
            learner,
            world.data(),
            TrainerSettings(steps=steps, val_every_epochs=None),
            logging_every_steps=4,
            callbacks={"journal": journal},
            checkpoints=Checkpoints(tmp_path),
            resume=resume,
        )
        return weights_sha256(learner.model), journal

    digest, journal = attempt(8)
    attempt(4)
    resumed, rest = attempt(8, Checkpoints(tmp_path).load())
    assert resumed == digest
    assert rest.tags("train/loss") == {8: journal.tags("train/loss")[8]}


def test_the_best_of_an_end_is_not_the_best_of_the_longer_run(world: World, tmp_path: Path) -> None:
    """Its weights give way to those that were the best before it, whose step is known, too."""

    def attempt(steps: int, folder: Path, resume: LoopState | None = None) -> tuple[dict[str, int], int]:
        trainer = TrainerSettings(steps=steps, val_every_epochs=None, val_every_steps=4)
        learner, checkpoints = world.learner("none", lr=3.0), Checkpoints(folder)
        progress = fit(learner, world.data(), trainer, checkpoints=checkpoints, resume=resume)
        assert not checkpoints.previous_best.exists() or steps % 4
        return dict(progress.best_steps), load_checkpoint(checkpoints.best)["step"]

    ends_were_best = 0
    for steps in (5, 6, 7, 9, 10, 11):
        short, longer = (tmp_path / f"{steps}{name}" for name in ("short", "longer"))
        ends_were_best += attempt(steps, short)[1] == steps
        resume = Checkpoints(short).load(steps=12)
        assert attempt(12, short, resume) == attempt(12, longer)
    assert ends_were_best
