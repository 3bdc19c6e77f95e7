"""Our loggers keep the contract, TensorBoard too; the suite finds those that do not."""

from __future__ import annotations

import csv
import inspect
import json
import shutil
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sweepboard import callbacks, loggers
from sweepboard.board.event_reader import read_hparams
from sweepboard.board.open_board import open_board
from sweepboard.board.scalar_reader import read_scalars
from sweepboard.loggers import CSV, Logger, MLflow, WandB
from sweepboard.settings import LoggingSettings
from sweepboard.testing import LoggerSuite
from sweepboard.testing.loggers import Points
from sweepboard.training.callback import Callback
from tests.command import TINY, Command, record_of
from tests.runs.process import Sweepboard, assert_the_same, curves

KILLED = [
    "model=mlp", "dataset=gaussian", "threads=1", "trainer.epochs=60", "trainer.limit_train_batches=20",
    "trainer.checkpoint.every_steps=5", "logging.every_steps=3", "logging.images=0",
]  # fmt: skip


def points_of(rows: Iterator[tuple[int, str, float]]) -> dict[str, list[tuple[int, float]]]:
    points: dict[str, list[tuple[int, float]]] = {}
    for step, tag, value in rows:
        points.setdefault(tag, []).append((step, value))
    return points


class TestTensorBoard(LoggerSuite):
    def logger(self, folder: Path) -> Logger:
        board = open_board(folder, LoggingSettings(images=0), {"lr": 0.1}, "group", {})["tensorboard"]
        assert isinstance(board, Logger)
        return board

    def points(self, folder: Path) -> Points:
        scalars = read_scalars(folder)
        return {
            tag: [*zip(series.steps.tolist(), series.values.tolist(), strict=True)]
            for tag, series in scalars.items()
        }

    def result(self, callback: Callback, folder: Path) -> Any:
        row = read_hparams(folder)
        assert row is not None
        return [super().result(callback, folder), row.status]


class TestCSV(LoggerSuite):
    def logger(self, folder: Path) -> Logger:
        return CSV()

    def points(self, folder: Path) -> Points:
        with (folder / "metrics.csv").open() as file:
            header, *rows = csv.reader(file)
        assert header == ["step", "tag", "value"]
        return points_of((int(step), tag, float(value)) for step, tag, value in rows)


class TestMLflow(LoggerSuite):
    def logger(self, folder: Path) -> Logger:
        return MLflow(uri=str(folder / "mlruns"))

    def points(self, folder: Path) -> Points:
        return mlflow_points(folder / "mlruns")


def mlflow_points(store: Path) -> dict[str, list[tuple[int, float]]]:
    from mlflow import MlflowClient

    client = MlflowClient(str(store))
    home = client.get_experiment_by_name("sweepboard")
    assert home is not None
    [run] = client.search_runs([home.experiment_id])
    assert run.info.status == "FINISHED"
    histories = {tag: client.get_metric_history(run.info.run_id, tag) for tag in run.data.metrics}
    return {tag: [(point.step, point.value) for point in history] for tag, history in histories.items()}


@pytest.mark.slow
class TestWandB(LoggerSuite):
    def logger(self, folder: Path) -> Logger:
        time.sleep(1.1)  # W&B names the folder of an attempt by the second
        return WandB()

    def points(self, folder: Path) -> Points:
        """What `wandb sync` would send; it takes the first value of a step."""
        points: dict[str, dict[int, float]] = {}
        for path in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
            for step, tag, value in history_in(path):
                points.setdefault(tag, {}).setdefault(step, value)
        return {tag: sorted(curve.items()) for tag, curve in points.items()}


def history_in(path: Path) -> Iterator[tuple[int, str, float]]:
    """The scalars in a file of W&B: records of LevelDB's log format, each a message."""
    from wandb.proto import wandb_internal_pb2

    messages: Any = wandb_internal_pb2
    for content in records_in(path.read_bytes()):
        record = messages.Record()
        record.ParseFromString(content)
        if record.WhichOneof("record_type") == "history":
            items = (item for item in record.history.item if len(item.nested_key) < 2)  # no parts of media
            values = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in items}
            step = values.get("_step", record.history.step.num)
            for tag, value in values.items():
                if not tag.startswith("_") and isinstance(value, int | float):
                    yield step, tag, value


def records_in(content: bytes, block: int = 32768) -> Iterator[bytes]:
    at, parts = 7, b""
    while at + 7 <= len(content):
        if block - at % block < 7:
            at += block - at % block
            continue
        length, kind = struct.unpack("<HB", content[at + 4 : at + 7])
        parts += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


class Forgetful(CSV):
    """Loses what was logged before a resume."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict({"size": 0})


class Repeating(CSV):
    """Keeps what a resumed run logs again."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict({"size": 10**9})


class OwnSteps(CSV):
    """Counts the logging points by itself, from nothing in each process."""

    def scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self.points = getattr(self, "points", 0) + 1
        super().scalars(self.points, scalars)


class Rounding(CSV):
    def scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        super().scalars(step, {tag: round(value, 1) for tag, value in scalars.items()})


class Backwards(CSV):
    """Writes the points in the order of a set."""

    def start(self, progress: Any) -> None:
        super().start(progress)
        self.kept: list[tuple[int, Mapping[str, float]]] = []

    def scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self.kept.append((step, scalars))

    def close(self, status: str) -> None:
        for step, scalars in reversed(self.kept):
            super().scalars(step, scalars)
        super().close(status)


class Deaf(CSV):
    """Drops what callbacks log."""

    def scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        super().scalars(step, {tag: scalars[tag] for tag in scalars if not tag.startswith("suite/")})


@pytest.mark.parametrize(
    ("faulty", "check", "finding"),
    [
        (Forgetful, LoggerSuite.test_it_resumes_after_a_kill, "resumed: .*, without a stop: "),
        (Repeating, LoggerSuite.test_it_keeps_what_callbacks_log_through_a_kill, "has the steps "),
        (OwnSteps, LoggerSuite.test_it_keeps_the_scalars_of_the_run_and_of_callbacks, "was logged at "),
        (OwnSteps, LoggerSuite.test_it_resumes_after_a_signal, r"has the steps \[1, 2, 4, 1, 3, 4\]"),
        (Rounding, LoggerSuite.test_it_keeps_the_scalars_of_the_run_and_of_callbacks, "has other values: "),
        (Backwards, LoggerSuite.test_it_keeps_the_scalars_of_the_run_and_of_callbacks, "was logged at "),
        (Deaf, LoggerSuite.test_it_keeps_the_scalars_of_the_run_and_of_callbacks, r"the tags \['suite/step"),
    ],
)
def test_the_suite_finds_a_fault(
    faulty: type[CSV], check: Callable[[LoggerSuite, Path], None], finding: str, tmp_path: Path
) -> None:
    class Suite(TestCSV):
        def logger(self, folder: Path) -> Logger:
            return faulty()

    suite = Suite()
    with pytest.raises(AssertionError, match=finding):
        check(suite, tmp_path)


def test_loggers_of_the_configuration(command: Command) -> None:
    command(*TINY, "loggers=[csv,mlflow]", "hydra.run.dir=run")
    rows = (Path("run") / "metrics.csv").read_text().splitlines()
    assert any(row.startswith("12,test/loss,") for row in rows)
    curves = mlflow_points(Path("mlruns"))
    assert [step for step, _ in curves["train/loss"]] == [2, 4, 6, 8, 10, 12]
    assert "identical" in command("verify", "run").out  # which logs nothing anywhere
    assert len(mlflow_points(Path("mlruns"))["train/loss"]) == 6


PICTURES = ["logging.images=4", "logging.predictions=4", "logging.confusion_matrix=true"]


def test_pictures_of_the_run_are_logged_everywhere(command: Command) -> None:
    words = [word for word in TINY if not word.startswith("logging.images")]
    command(*words, "dataset=fashion_mini", *PICTURES, "loggers=mlflow", "hydra.run.dir=run")
    pictures = [path.name for path in Path("mlruns").rglob("*.png")]
    for name in ("samples", "predictions", "confusion_matrix"):
        assert any(name in picture for picture in pictures), name


@pytest.mark.slow
def test_media_are_logged_to_wandb(tmp_path: Path) -> None:
    TestWandB().test_it_keeps_what_callbacks_log_through_a_kill(tmp_path)
    kinds = {path.parts[-3] for path in tmp_path.rglob("media/*/suite/*")}
    assert kinds == {"images", "audio", "html", "videos"}


@pytest.mark.slow
def test_a_resumed_run_tells_wandb_what_was_not_written(command: Command) -> None:
    command(*TINY, "dataset=gaussian", "loggers=wandb", "hydra.run.dir=run")
    shutil.rmtree("run/wandb")  # as after a kill, of which W&B has an empty file
    command("resume", "run", "trainer.epochs=4")
    found, board = (suite.points(Path("run"))["train/loss"] for suite in (TestWandB(), TestTensorBoard()))
    assert [step for step, _ in found] == [step for step, _ in board] == list(range(2, 25, 2))
    assert [value for _, value in found] == pytest.approx([value for _, value in board])
    command("resume", "run", "trainer.epochs=6")  # W&B's folder holds links of its own


@pytest.mark.slow
def test_a_real_kill_loses_and_repeats_nothing_in_wandb(tmp_path: Path) -> None:
    """Three times, at any moment after the first checkpoint; W&B's own process is left to itself."""
    run, words = tmp_path / "run", ["loggers=wandb", "hydra.run.dir=run"]
    process = Sweepboard(tmp_path, *KILLED, *words)
    for wait in (0.0, 0.7, 1.4):
        process.wait_for_its_record(run)
        process.wait_for((run / "checkpoints/last.pt").exists)
        process.sleep(wait)
        assert process.kill()
        process = Sweepboard(tmp_path, "resume", "run")
    process.finish()
    Sweepboard(tmp_path, *KILLED, "hydra.run.dir=reference").finish()
    assert_the_same(run, tmp_path / "reference")
    assert record_of(run)["attempts"] == 4
    found = TestWandB().points(run)
    for tag, points in curves(tmp_path / "reference").items():
        assert [step for step, _ in found[tag]] == [step for step, _ in points], tag
        assert [value for _, value in found[tag]] == pytest.approx([value for _, value in points]), tag


def test_a_strangers_run_sends_nothing_away(command: Command) -> None:
    command(*TINY, "loggers=mlflow", "hydra.run.dir=run")
    record = record_of(Path("run"))
    (Path("run") / "run.json").write_text(json.dumps({**record, "signature": None}))
    line = command("rerun", "run", code=2).line
    assert "loggers.mlflow._target_: sweepboard.loggers.MLflow is not built from a run folder" in line
    command("rerun", "run", "~loggers.mlflow")


@pytest.mark.parametrize("name", [*loggers.__all__, *callbacks.__all__])
def test_each_is_a_short_example(name: str) -> None:
    if name not in ("Logger", "Callback"):  # the contracts themselves
        shipped = getattr(loggers if name in loggers.__all__ else callbacks, name)
        lines = Path(inspect.getfile(shipped)).read_text().splitlines()
        assert len([line for line in lines if line.strip()]) <= 60
