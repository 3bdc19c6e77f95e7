"""A sweep made longer is the sweep of that length, after a kill in between too; a lost plan is found."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from sweepboard.sweeps import resume as resume_module
from tests.command import TINY, Command, record_of
from tests.runs.process import assert_the_same

SWEEP = ["-m", *TINY, "dataset=gaussian", "optimizer.lr=0.1,0.01"]
JOBS = ("optimizer.lr=0.1", "optimizer.lr=0.01")


class Killed(BaseException):
    """The process is gone."""


def killed(*_: object, **__: object) -> None:
    raise Killed


@pytest.mark.slow
def test_a_longer_sweep_is_the_sweep_of_that_length(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(*SWEEP, "trainer.epochs=3", "hydra.sweep.dir=long")
    command(*SWEEP, "hydra.sweep.dir=sweep")
    with monkeypatch.context() as patch:
        patch.setattr(resume_module, "run_jobs", killed)
        with pytest.raises(Killed):
            command("resume", "sweep", "trainer.epochs=3")
    command("resume", "sweep")
    for job in JOBS:
        assert_the_same(Path("sweep") / job, Path("long") / job)
    command(*SWEEP, "trainer.epochs=3", "hydra.sweep.dir=sweep")  # the same sweep
    assert record_of(Path("sweep") / JOBS[0])["attempts"] == 2


def test_a_kill_while_the_plan_is_replaced_leaves_the_old_one(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(*SWEEP, "hydra.sweep.dir=sweep")
    with monkeypatch.context() as patch:
        patch.setattr("sweepboard.sweeps.plan_file.write_atomic", killed)
        with pytest.raises(Killed):
            command("resume", "sweep", "trainer.epochs=3")
    assert "2 of them done already" in command("resume", "sweep").out
    command("resume", "sweep", "trainer.epochs=3")
    assert record_of(Path("sweep") / JOBS[1])["step"] == 18


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("trainer.epochs=2", ["trainer.epochs=5"]),
        ("trainer.steps=6", ["trainer.steps=20", "trainer.steps=21"]),
    ],
)
def test_of_any_length_and_again(command: Command, first: str, words: list[str]) -> None:
    command(*SWEEP, first, "hydra.sweep.dir=sweep")
    for word in words:
        command("resume", "sweep", word)
    command(*SWEEP, words[-1], "hydra.sweep.dir=long")
    for job in JOBS:
        assert_the_same(Path("sweep") / job, Path("long") / job)


@pytest.mark.slow
def test_other_runs_and_shorter_ones_are_refused(command: Command) -> None:
    command(*SWEEP, "scheduler=cosine", "hydra.sweep.dir=sweep")
    plan = Path("sweep/sweep.json").read_bytes()
    assert "the schedule was laid out" in command("resume", "sweep", "trainer.epochs=3", code=2).line
    command(*SWEEP, "hydra.sweep.dir=other")
    assert "cannot become one of 6" in command("resume", "other", "trainer.epochs=1", code=2).line
    assert Path("sweep/sweep.json").read_bytes() == plan


@pytest.mark.slow
def test_several_lengths_are_points(command: Command) -> None:
    command(*SWEEP, "hydra.sweep.dir=sweep")
    assert "4 jobs added" in command("resume", "sweep", "trainer.epochs=1,3").out


@pytest.mark.parametrize("longer", [False, True])
@pytest.mark.slow
def test_a_lost_plan_is_made_again_from_its_jobs(longer: bool, command: Command) -> None:
    command(*SWEEP, "hydra.sweep.dir=sweep")
    words = ["trainer.epochs=3"] if longer else []
    command("resume", "sweep", *words)
    Path("sweep/sweep.json").unlink()
    shutil.rmtree(Path("sweep") / JOBS[1])
    assert "has lost its sweep.json" in command("resume", "sweep", code=2).line
    assert "is another job now" in command(*SWEEP, *words, "seed=3", "hydra.sweep.dir=sweep", code=2).line
    assert "1 of them done already" in command(*SWEEP, *words, "hydra.sweep.dir=sweep").out
    assert len(json.loads(Path("sweep/sweep.json").read_text())["jobs"]) == 2


@pytest.mark.slow
def test_a_lock_file_deleted_under_its_holder_lets_nobody_in(command: Command) -> None:
    from sweepboard.runs.folder import RunFolder
    from sweepboard.runs.lock import only_writer

    command(*SWEEP, "hydra.sweep.dir=sweep")
    with only_writer(RunFolder(Path("sweep"))):
        os.unlink("sweep/.lock")  # noqa: PTH108
        assert "is being written by" in command("resume", "sweep", code=2).line
        shutil.rmtree("sweep/plan")
    with only_writer(RunFolder(Path("sweep") / JOBS[0])):
        (Path("sweep") / JOBS[0] / ".lock").write_text("")
        (Path("sweep") / JOBS[0] / ".lock").unlink()
        line = command("resume", f"sweep/{JOBS[0]}", "trainer.epochs=3", code=2).line
        assert "is being written by" in line
