"""What is switched on is written, and a picture never ends a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweepboard.board.event_names import event_files
from sweepboard.board.event_reader import read_events, read_hparams
from sweepboard.board.open_board import open_board
from sweepboard.board.scalar_reader import read_scalars
from sweepboard.settings import LoggingSettings
from sweepboard.training.callback import Callback
from sweepboard.training.progress import Progress
from tests.board.tiny import tiny_run

SCALARS = {
    "train/loss", "train/accuracy", "val/loss", "val/accuracy", "val_best/loss", "val_best/accuracy",
    "train/lr", "train/epoch", "train/samples_per_second",
}  # fmt: skip


def tags(folder: Path) -> list[str]:
    events = [event for path in event_files(folder) for event in read_events(path)]
    return [value.tag for event in events for value in event.summary.value]


class Broken(Callback):
    may_fail = True
    status = ""

    def on_validation(self, progress: Progress) -> None:
        raise RuntimeError("a plot that cannot be drawn\nand a long explanation")

    def finish(self, status: str) -> None:
        self.status = status


class Counting(Callback):
    calls = 0

    def on_validation(self, progress: Progress) -> None:
        self.calls += 1


def test_a_picture_that_cannot_be_made_is_one_line_and_the_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board = open_board(tmp_path, LoggingSettings(images=0), {"lr": 0.1}, "group", {})
    broken, counting = Broken(), Counting()
    tiny_run([*board.values(), broken, counting])
    assert [record.getMessage() for record in caplog.records] == [
        "the run goes on without 1 Broken: a plot that cannot be drawn and a long explanation"
    ]
    assert (counting.calls, broken.status) == (3, "finished")
    assert read_scalars(tmp_path)["val/loss"].steps.tolist() == [5, 10, 15]


def test_the_start_says_what_the_run_is_and_the_end_how_it_ended(tmp_path: Path) -> None:
    board = open_board(tmp_path, LoggingSettings(images=0), {"lr": 0.1}, "group", {"config": "lr: 0.1"})
    tiny_run([*board.values()])
    found = tags(tmp_path)
    assert found[:3] == ["_hparams_/session_start_info", "custom_scalars__config__", "config"]
    assert set(found[3:-1]) == SCALARS
    assert found[-1] == "_hparams_/session_end_info"
    row = read_hparams(tmp_path)
    assert row is not None
    assert (row.hparams, row.group, row.status) == ({"lr": 0.1}, "group", "finished")


def test_what_is_switched_off_is_not_written(tmp_path: Path) -> None:
    off = LoggingSettings(images=0, hparams=False, text=False, layout=False)
    tiny_run([*open_board(tmp_path, off, {"lr": 0.1}, "group", {"config": "lr: 0.1"}).values()])
    assert set(tags(tmp_path)) == SCALARS
    assert open_board(tmp_path / "silent", LoggingSettings(enabled=False), {}, "", {}) == {}


def test_a_full_board_has_a_callback_for_every_switch(tmp_path: Path) -> None:
    full = LoggingSettings(
        images=1, histograms=1, graph=True, predictions=1, confusion_matrix=True, pr_curves=True,
        embeddings=1, profile=1,
    )  # fmt: skip
    assert len(open_board(tmp_path, full, {}, "", {})) == 1 + 7


def test_a_run_that_never_started_leaves_no_row(tmp_path: Path) -> None:
    for callback in open_board(tmp_path, LoggingSettings(), {"lr": 0.1}, "group", {}).values():
        callback.finish("failed")
    assert list(tmp_path.iterdir()) == []
