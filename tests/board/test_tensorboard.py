"""What a real TensorBoard shows of our runs, by both of its loaders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sweepboard.board.event_reader import read_hparams
from sweepboard.board.event_writer import EventWriter
from sweepboard.board.logger import TensorBoard
from sweepboard.board.scalar_reader import read_scalars
from sweepboard.board.summaries import code_block
from sweepboard.data.types import DataSpec
from sweepboard.training.tasks import Classification
from tests.tensorboard_server import Server, eventually, tensorboard_server

pytestmark = pytest.mark.slow

LAST = 60


def progress_at(step: int = 0, due: bool = False) -> Any:
    """What the logger reads of a run."""
    log_from = 0 if step == 0 else step if due else step + 1
    learner, data = SimpleNamespace(task=Classification()), SimpleNamespace(spec=DataSpec((4,), classes=3))
    return SimpleNamespace(step=step, log_from=log_from, learner=learner, data=data)


def recorder(
    folder: Path, hparams: dict[str, Any], group: str, state: dict[str, Any] | None = None
) -> TensorBoard:
    folder.mkdir(parents=True, exist_ok=True)
    board = TensorBoard(
        EventWriter(folder), (hparams, group), {"config": code_block("lr: 0.1 # ```")}, with_layout=True
    )
    if state is not None:
        board.load_state_dict(state)
    return board


def log(board: TensorBoard, steps: range) -> None:
    for step in steps:
        board.on_scalars(step, {"train/loss": 1 / step, "lr": 0.1})
        if step % 10 == 0:
            board.on_scalars(step, {"val/accuracy": step / 100})


def finished_run(folder: Path, hparams: dict[str, Any], group: str) -> None:
    board = recorder(folder, hparams, group)
    board.on_start(progress_at(0))
    log(board, range(1, LAST + 1))
    board.finish("finished")


def run_resumed_five_times(folder: Path) -> None:
    """Each attempt saves at a step, logs some more, and is killed; twice in the middle of a record."""
    progress, state = progress_at(0), None
    for attempt, (save, killed) in enumerate([(10, 15), (20, 20), (20, 27), (35, 36), (50, 59)]):
        board = recorder(folder, {"lr": 0.1, "model": "resumed"}, "resumed", state)
        board.on_start(progress)
        log(board, range(progress.step + 1, save + 1))
        progress, state = progress_at(save), board.state_dict()
        log(board, range(save + 1, killed + 1))
        board.writer.close()  # what reached the system when the kill came
        if attempt % 2:
            with max(folder.glob("*.0")).open("ab") as file:
                file.write(b"\x30\0\0\0\0\0\0\0torn")
        if attempt == 2:
            board.finish("failed")
    board = recorder(folder, {"lr": 0.1, "model": "resumed"}, "resumed", state)
    board.on_start(progress)
    log(board, range(progress.step + 1, LAST + 1))
    board.finish("finished")


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    finished_run(root / "cnn", {"model": "cnn", "model.dropout": 0.5, "optimizer.lr": 0.001}, "a")
    finished_run(root / "mlp", {"model": "mlp", "model.hidden": "[128]", "optimizer.momentum": 0.9}, "b")
    for seed in range(3):
        finished_run(root / f"seed{seed}", {"model": "linear", "optimizer.lr": 0.1}, "seeds")
    run_resumed_five_times(root / "resumed")
    return root


@pytest.fixture(scope="module", params=["slow loader", "fast loader"])
def server(logdir: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    with tensorboard_server(logdir, fast=request.param == "fast loader") as server:
        yield server


EXPECTED = {
    "train/loss": list(range(1, LAST + 1)),
    "lr": list(range(1, LAST + 1)),
    "val/accuracy": list(range(10, LAST + 1, 10)),
}


def test_a_run_resumed_five_times_has_each_point_once_in_tensorboard(server: Server) -> None:
    for tag, steps in EXPECTED.items():
        for run in ("cnn", "resumed"):
            assert server.steps(run, tag) == steps, (run, tag)
        assert server.scalars("cnn", tag) == server.scalars("resumed", tag)


def test_a_run_resumed_five_times_has_each_point_once_in_plain_readers(logdir: Path) -> None:
    ours = read_scalars(logdir / "resumed")
    theirs = EventAccumulator(str(logdir / "resumed"))
    theirs.Reload()
    for tag, steps in EXPECTED.items():
        assert ours[tag].steps.tolist() == steps
        assert [event.step for event in theirs.Scalars(tag)] == steps
    row = read_hparams(logdir / "resumed")
    assert row is not None
    assert row.status == "finished"


def test_the_table_has_a_row_for_each_configuration_with_the_union_of_columns(server: Server) -> None:
    eventually(
        lambda: sorted(group["name"] for group in server.session_groups()), ["a", "b", "resumed", "seeds"]
    )
    rows = {group["name"]: group for group in server.session_groups()}
    assert rows["a"]["hparams"] == {"model": "cnn", "model.dropout": 0.5, "optimizer.lr": 0.001}
    assert rows["b"]["hparams"] == {"model": "mlp", "model.hidden": "[128]", "optimizer.momentum": 0.9}
    experiment = server.post("data/plugin/hparams/experiment", {"experimentName": ""})
    columns = {info["name"]: info["type"] for info in experiment["hparamInfos"]}
    assert columns.keys() >= rows["a"]["hparams"].keys() | rows["b"]["hparams"].keys()
    assert columns["optimizer.lr"] == "DATA_TYPE_FLOAT64"
    for row in rows.values():
        metrics = {value["name"]["tag"]: value["value"] for value in row["metricValues"]}
        assert metrics.keys() == EXPECTED.keys()
        assert metrics["val/accuracy"] == pytest.approx(LAST / 100)


def test_seeds_of_one_configuration_are_one_row(server: Server) -> None:
    rows = {group["name"]: group for group in server.session_groups()}
    assert {session["name"] for session in rows["seeds"]["sessions"]} == {"seed0", "seed1", "seed2"}


def test_every_run_ends_as_a_success_also_the_one_that_failed_and_was_resumed(server: Server) -> None:
    def statuses() -> set[str]:
        return {session["status"] for row in server.session_groups() for session in row["sessions"]}

    eventually(statuses, {"STATUS_SUCCESS"})


def test_the_configuration_is_shown_as_it_is(server: Server) -> None:
    texts = server.get("data/plugin/text/text", run="resumed", tag="config")
    assert [text["step"] for text in texts] == [0]
    assert "<code>lr: 0.1 # ```" in texts[0]["text"]


def test_training_and_validation_of_a_metric_share_a_chart_of_all_runs(server: Server) -> None:
    layout = server.get("data/plugin/custom_scalars/layout")
    charts = {
        chart["title"]: chart["multiline"]["tag"] for part in layout["category"] for chart in part["chart"]
    }
    assert list(charts) == ["loss", "accuracy", "learning rate", "samples per second"]
    assert charts["accuracy"] == ["^train/accuracy$", "^val/accuracy$"]
    shown = server.get("data/plugin/custom_scalars/scalars", run="cnn", tag=charts["accuracy"][1])
    assert list(shown["tag_to_events"]) == ["val/accuracy"]


@pytest.mark.parametrize("fast", [False, True], ids=["slow loader", "fast loader"])
@pytest.mark.parametrize("ending", ["failed", "killed"])
def test_a_tensorboard_that_looks_on_shows_a_resumed_run_without_ghosts(
    tmp_path: Path, fast: bool, ending: str
) -> None:
    folder = tmp_path / "run"
    board, progress = recorder(folder, {"lr": 0.1}, "g"), progress_at(10)
    board.on_start(progress_at(0))
    log(board, range(1, 11))
    state = board.state_dict()
    log(board, range(11, 30))
    board.finish("failed") if ending == "failed" else board.writer.close()
    with tensorboard_server(tmp_path, fast) as server:
        board = recorder(folder, {"lr": 0.1}, "g", state)
        board.on_start(progress)
        log(board, range(11, 21))
        board.writer.flush()
        eventually(lambda: server.steps("run", "lr"), list(range(1, 21)))
        log(board, range(21, LAST + 1))
        board.finish("finished")
        eventually(lambda: {tag: server.steps("run", tag) for tag in EXPECTED}, EXPECTED)
