"""`sweepboard lr-find`: a picture, a suggestion, and the command to type next."""

from __future__ import annotations

import shlex
from pathlib import Path

from sweepboard.board.event_names import event_files
from sweepboard.board.event_reader import read_events
from sweepboard.board.scalar_reader import read_scalars
from sweepboard.callbacks import LearningRateFinder
from sweepboard.testing import CallbackSuite
from sweepboard.training.callback import Callback
from tests.command import Command, only_run, record_of

WORDS = ["model=mlp", "dataset=gaussian", "threads=1", "logging.images=0"]


class TestLearningRateFinder(CallbackSuite):
    only_reads = False

    def callback(self, folder: Path) -> Callback:
        return LearningRateFinder(1e-5, 0.1)


def test_it_suggests_a_rate_and_the_command_that_trains_with_it(command: Command) -> None:
    said = command(
        "lr-find",
        *WORDS,
        "scheduler=cosine",
        "lr=5",  # a short key
        "callbacks.lr_find.highest=100",
        "callbacks.lr_find.lowest=1e-4",
    )
    run = only_run(Path("outputs"))
    record = record_of(run)
    assert record["stopped"].startswith("callbacks.lr_find: the loss diverged at a learning rate of ")
    assert record["command"].startswith("sweepboard lr-find model=mlp")
    suggestion = read_scalars(run)["lr_find/suggestion"].values[-1]
    assert 1e-4 < suggestion < 1
    events = [event for path in event_files(run) for event in read_events(path)]
    tags = {value.tag for event in events for value in event.summary.value}
    assert "lr_find/curve" in tags
    [line] = [line for line in said.out.splitlines() if line.startswith("next: ")]
    words = shlex.split(line.removeprefix("next: "))[1:]
    assert words == [*WORDS, "scheduler=cosine", f"optimizer.lr={suggestion:g}"]
    command(*words, "trainer=debug")


def test_a_loss_that_never_falls_is_told(command: Command) -> None:
    words = ["callbacks.lr_find.lowest=1e-30", "callbacks.lr_find.highest=1e-29", "trainer.steps=3"]
    said = command("lr-find", *WORDS, *words, code=1).out
    assert "the loss never fell" in said
    assert " lr-find model=mlp dataset=gaussian " in said.splitlines()[-1]
    assert said.endswith("callbacks.lr_find.highest=1e-29 trainer.steps=3 callbacks.lr_find.lowest=1e-32\n")


def test_mistakes_are_one_line(command: Command) -> None:
    assert "leave out -m" in command("lr-find", "-m", "seed=1,2", code=2).line
    assert "lowest must be above 0" in command("lr-find", *WORDS, "callbacks.lr_find.lowest=2", code=2).line
    assert "usage: sweepboard lr-find" in command("lr-find", "--help").out
