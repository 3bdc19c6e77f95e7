"""Event files taken back to a checkpoint: killed anywhere, a resumed run logs each point once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sweepboard.board.event_names import event_files
from sweepboard.board.event_reader import read_hparams
from sweepboard.board.event_truncation import TruncationFailed, truncate_from, truncate_to
from sweepboard.board.event_writer import (
    END_SUFFIX,
    HISTORY_SUFFIX,
    START_SUFFIX,
    EventWriter,
    history_files,
    write_event_file,
)
from sweepboard.board.hparams import end_info, start_info
from sweepboard.board.logger import TensorBoard
from sweepboard.board.scalar_reader import read_scalars
from sweepboard.board.tfrecord import frame

LAST = 12
SITTINGS = st.lists(
    st.fixed_dictionaries(
        {
            "updates": st.integers(0, LAST),
            "saves": st.sets(st.integers(1, LAST), max_size=3),
            "interrupted": st.booleans(),
            "tail": st.integers(0, 40),
        }
    ),
    max_size=4,
)


def saved(step: int, due: bool, state: dict[str, Any] | None = None) -> Any:
    """Progress as a checkpoint of `step` brings it back, with the `state` of the logger in it; `due` where
    nothing was logged at that step yet."""
    log_from = 0 if step == 0 else step if due else step + 1
    return SimpleNamespace(step=step, log_from=log_from, state=state)


def log(board: TensorBoard, step: int) -> None:
    board.on_scalars(step, {"train/loss": 1 / step})
    if step % 3 == 0:
        board.on_scalars(step, {"val/loss": 2 / step})


def sit(folder: Path, start: Any, updates: int, saves: set[int], interrupted: bool) -> Any:
    """Train up to `updates` steps from `start`; gives the progress of the last checkpoint."""
    board = TensorBoard(EventWriter(folder))
    if start.state is not None:
        board.load_state_dict(start.state)
    board.on_start(start)
    last, checkpoint = min(start.step + updates, LAST), start
    for step in range(start.log_from or 1, last + 1):
        if interrupted and step == last:  # a signal comes after the update, before what is due then
            checkpoint = saved(step, due=True, state=board.state_dict())
            break
        log(board, step)
        if step in saves:
            checkpoint = saved(step, due=False, state=board.state_dict())
    board.writer.close()
    return checkpoint


@settings(deadline=None, max_examples=40)
@given(SITTINGS, st.booleans())
def test_a_run_killed_anywhere_logs_what_an_uninterrupted_one_logs(
    tmp_path_factory: pytest.TempPathFactory, attempts: list[dict[str, Any]], forgets_position: bool
) -> None:
    folder = tmp_path_factory.mktemp("run")
    progress = saved(0, due=False)
    for attempt in attempts:
        tail = attempt.pop("tail")
        progress = sit(folder, progress, **attempt)
        with history_files(folder)[-1].open("ab") as file:
            file.write(frame(b"never finished because of a kill")[:tail])
        if forgets_position:
            progress.state = None
    sit(folder, progress, LAST, set(), interrupted=False)
    series = read_scalars(folder)
    assert series["train/loss"].steps.tolist() == list(range(1, LAST + 1))
    assert series["val/loss"].steps.tolist() == list(range(3, LAST + 1, 3))
    theirs = EventAccumulator(str(folder))
    theirs.Reload()
    assert [event.step for event in theirs.Scalars("train/loss")] == list(range(1, LAST + 1))


def test_a_position_cuts_by_time_not_by_step(tmp_path: Path) -> None:
    board = TensorBoard(EventWriter(tmp_path))
    board.on_start(saved(0, due=False))
    board.on_scalars(5, {"val/loss": 1.0})
    position = board.state_dict()["position"]
    board.on_scalars(5, {"test/loss": 1.0})
    board.on_scalars(3, {"late": 1.0})
    board.writer.close()
    for _ in range(2):
        truncate_to(tmp_path, position)
        assert list(read_scalars(tmp_path)) == ["val/loss"]


@pytest.mark.parametrize("known", [True, False], ids=["by position", "by step"])
def test_a_cut_takes_back_how_the_run_ended_and_keeps_what_it_is(tmp_path: Path, known: bool) -> None:
    write_event_file(tmp_path, START_SUFFIX, [start_info({"lr": 0.1}, "group")])
    write_event_file(tmp_path, END_SUFFIX, [end_info("failed")])
    row = read_hparams(tmp_path)
    assert row is not None
    assert row.status == "failed"
    if known:
        truncate_to(tmp_path, {})
    else:
        truncate_from(tmp_path, 1)
    row = read_hparams(tmp_path)
    assert row is not None
    assert row.hparams == {"lr": 0.1}
    assert row.status is None


def test_a_resumed_run_says_anew_what_it_is_and_leaves_no_empty_files(tmp_path: Path) -> None:
    for epochs in (5, 20):
        board = TensorBoard(EventWriter(tmp_path), ({"trainer.epochs": epochs}, f"group{epochs}"))
        board.on_start(saved(0, due=False))
        log(board, 1)
        board.finish("finished")
    row = read_hparams(tmp_path)
    assert row is not None
    assert (row.hparams, row.group, row.status) == ({"trainer.epochs": 20}, "group20", "finished")
    assert [path.suffix for path in event_files(tmp_path)] == [".start", ".0", ".hpend"]


def test_a_log_that_is_shorter_than_the_checkpoint_says_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = EventWriter(tmp_path)
    writer.add_scalars(1, {"loss": 1.0})
    position = writer.position()
    writer.close()
    truncate_to(tmp_path, {name: size + 1 for name, size in position.items()})
    assert "lacks points" in caplog.text
    assert read_scalars(tmp_path)["loss"].steps.tolist() == [1]


def test_a_damaged_record_is_warned_of_and_dropped_by_a_cut(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = EventWriter(tmp_path)
    ends = []
    for step in range(5):
        writer.add_scalars(step, {"loss": 1.0})
        ends.append(sum(writer.position().values()))
    writer.close()
    (path,) = event_files(tmp_path)
    content = bytearray(path.read_bytes())
    content[ends[1] + 20] ^= 1
    path.write_bytes(content)
    truncate_from(tmp_path, 4)
    assert f"byte {ends[1]}" in caplog.text
    assert read_scalars(tmp_path)["loss"].steps.tolist() == [0, 1, 3]


@pytest.mark.parametrize("name", ["../precious", "{}/precious", "sub/../../precious", "./../precious"])
@pytest.mark.parametrize("position", [0, -1, 10**30, True])
def test_a_position_outside_the_folder_cuts_nothing_there(tmp_path: Path, name: str, position: int) -> None:
    outside = tmp_path / "precious"
    outside.write_text("precious")
    (tmp_path / "run" / "sub").mkdir(parents=True)
    truncate_to(tmp_path / "run", {name.format(tmp_path): position})
    assert outside.read_text() == "precious"


def test_a_cut_changes_nothing_outside_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "precious"
    outside.write_text("precious")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "events.out.tfevents.1.evil.1.0").symlink_to(outside)
    with pytest.raises(TruncationFailed, match="is a link"):
        truncate_to(folder, {"../precious": 0})
    assert outside.read_text() == "precious"


@pytest.mark.parametrize("known", [9_999_999_999, 1], ids=["newer than what is here", "gone from here"])
def test_what_another_folder_logged_cuts_nothing_here(tmp_path: Path, known: int) -> None:
    writer = EventWriter(tmp_path)
    writer.add_scalars(1, {"loss": 1.0})
    writer.close()
    with pytest.raises(TruncationFailed, match="belongs to another run than the checkpoint"):
        truncate_to(tmp_path, {f"events.out.tfevents.{known:010d}.there.1{HISTORY_SUFFIX}": 50})
    assert read_scalars(tmp_path)["loss"].values.tolist() == [1.0]
