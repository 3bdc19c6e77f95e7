"""The board as one callback: what is switched on is written, and a picture never ends a run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sweepboard.board.event_reader import read_events, read_hparams, read_scalars
from sweepboard.board.event_writer import event_files
from sweepboard.board.logger import Board, open_board
from sweepboard.data.types import DataSpec
from sweepboard.settings import LoggingSettings
from sweepboard.training.callback import Callback
from sweepboard.training.tasks import Classification


def progress() -> Any:
    data = SimpleNamespace(spec=DataSpec((4,), classes=3))
    return SimpleNamespace(
        step=0, log_from=0, logged={}, data=data, learner=SimpleNamespace(task=Classification())
    )


def tags(folder: Path) -> list[str]:
    events = [event for path in event_files(folder) for event in read_events(path)]
    return [value.tag for event in events for value in event.summary.value]


def run(board: Board) -> None:
    board.on_start(progress())
    board.on_scalars(1, {"train/loss": 0.5})
    board.on_end(progress())
    board.finish("finished")


class Broken(Callback):
    def on_scalars(self, step: int, scalars: object) -> None:
        raise RuntimeError("a plot that cannot be drawn\nand a long explanation")


class Counting(Callback):
    calls = 0

    def on_scalars(self, step: int, scalars: object) -> None:
        self.calls += 1


def test_a_picture_that_cannot_be_made_is_one_line_and_the_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board = open_board(tmp_path, LoggingSettings(images=0), {"lr": 0.1}, "group", {})
    counting = Counting()
    board.pictures = [Broken(), counting]
    board.on_start(progress())
    for step in (1, 2, 3):
        board.on_scalars(step, {"train/loss": 0.5})
    board.finish("finished")
    assert [record.getMessage() for record in caplog.records] == [
        "the board goes without Broken: a plot that cannot be drawn"
    ]
    assert counting.calls == 3
    assert read_scalars(tmp_path)["train/loss"].steps.tolist() == [1, 2, 3]


def test_the_start_says_what_the_run_is_and_the_end_how_it_ended(tmp_path: Path) -> None:
    run(open_board(tmp_path, LoggingSettings(images=0), {"lr": 0.1}, "group", {"config": "lr: 0.1"}))
    assert tags(tmp_path) == [
        "_hparams_/session_start_info",
        "custom_scalars__config__",
        "config",
        "train/loss",
        "_hparams_/session_end_info",
    ]
    row = read_hparams(tmp_path)
    assert row is not None
    assert (row.hparams, row.group, row.status) == ({"lr": 0.1}, "group", "finished")


def test_what_is_switched_off_is_not_written(tmp_path: Path) -> None:
    off = LoggingSettings(images=0, hparams=False, text=False, layout=False)
    run(open_board(tmp_path, off, {"lr": 0.1}, "group", {"config": "lr: 0.1"}))
    assert tags(tmp_path) == ["train/loss"]
    silent = tmp_path / "silent"
    run(open_board(silent, LoggingSettings(enabled=False), {}, "", {}))
    assert not silent.exists()


def test_a_full_board_has_an_observer_for_every_switch(tmp_path: Path) -> None:
    full = LoggingSettings(
        images=1, histograms=1, graph=True, predictions=1, confusion_matrix=True, pr_curves=True,
        embeddings=1, profile=1,
    )  # fmt: skip
    names = {type(picture).__name__ for picture in open_board(tmp_path, full, {}, "", {}).pictures}
    assert len(names) == 7


def test_a_run_that_never_started_leaves_no_row(tmp_path: Path) -> None:
    open_board(tmp_path, LoggingSettings(), {"lr": 0.1}, "group", {}).finish("failed")
    assert list(tmp_path.iterdir()) == []
