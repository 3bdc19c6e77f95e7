"""Our own callbacks keep the contract, and the suite finds those that do not."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from sweepboard.board.open_board import open_board
from sweepboard.cli.run_display import ProgressBar
from sweepboard.errors import RunFailed
from sweepboard.execution import Payload
from sweepboard.runs.epoch_log import EpochLog
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import RunRecord
from sweepboard.runs.record_callback import RecordCallback
from sweepboard.settings import LoggingSettings
from sweepboard.sweeps.job_main import Reporter
from sweepboard.testing import CallbackSuite
from sweepboard.training.callback import Callback
from sweepboard.training.progress import Progress

EVERYTHING = LoggingSettings(
    images=1, histograms=1, graph=True, predictions=1, confusion_matrix=True, pr_curves=True,
    embeddings=1, profile=1,
)  # fmt: skip
BOARD = [name for name in open_board(Path(), EVERYTHING, {}, "", {}) if name != "tensorboard"]


class TestRecord(CallbackSuite):
    def callback(self, folder: Path) -> Callback:
        return RecordCallback(RunRecord(), RunFolder(folder))

    def result(self, callback: Callback, folder: Path) -> Any:
        assert isinstance(callback, RecordCallback)
        record = callback.record
        assert record.metrics
        return [record.step, record.metrics, record.best, record.best_steps, record.weights_sha256]


class TestEpochLog(CallbackSuite):
    def callback(self, folder: Path) -> Callback:
        return EpochLog()


class TestProgressBar(CallbackSuite):
    def callback(self, folder: Path) -> Callback:
        from rich.console import Console
        from rich.progress import Progress as Bar

        return ProgressBar(Bar(console=Console(file=io.StringIO())))


class Channel:
    """A sweep that lets every run go on, at the other end of the channel of a job."""

    ended = False

    def __init__(self) -> None:
        self.sent: list[Payload] = []

    def send(self, payload: Payload) -> None:
        self.sent.append(payload)

    def poll(self) -> list[Payload]:
        return []

    def receive(self) -> list[Payload]:
        return [{"go_on": True}]


class TestSweepReporter(CallbackSuite):
    channels: dict[Path, Channel]

    def callback(self, folder: Path) -> Callback:
        channel = Channel()
        self.channels = {**getattr(self, "channels", {}), folder: channel}
        return Reporter(channel, waits=True)

    def result(self, callback: Callback, folder: Path) -> Any:
        told = {**self.channels[folder].sent[-1]["news"], "seconds_left": None}
        assert told["step"] == told["total_steps"]
        return told


@pytest.mark.slow
class TestPictures(CallbackSuite):
    @pytest.fixture(autouse=True, params=BOARD)
    def picture(self, request: pytest.FixtureRequest) -> None:
        self.name = request.param

    def callback(self, folder: Path) -> Callback:
        return open_board(folder, EVERYTHING, {}, "", {})[self.name]

    def result(self, callback: Callback, folder: Path) -> Any:
        return None  # pictures of the start are not drawn again, and files have times in their names


class Mean(Callback):
    """The mean of the first weight over all updates, right in every way."""

    def __init__(self) -> None:
        self.total, self.count = torch.zeros(()), 0

    def on_update(self, progress: Progress) -> None:
        self.total = self.total + next(progress.learner.model.parameters()).detach().sum()
        self.count += 1

    def state_dict(self) -> dict[str, Any]:
        return {"total": self.total, "count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.total, self.count = state["total"], state["count"]


class TestMean(CallbackSuite):
    def callback(self, folder: Path) -> Callback:
        return Mean()


class Forgetful(Mean):
    def state_dict(self) -> dict[str, Any]:
        return {}


class HalfForgetful(Mean):
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count = state["count"]


class OwnGenerator(Callback):
    """Keeps what a generator gives that no seed reaches."""

    drawn = 0.0

    def on_validation(self, progress: Progress) -> None:
        self.drawn = random.Random().random()


class Drawing(Callback):
    def on_update(self, progress: Progress) -> None:
        torch.rand(1)


class DrawingAtTicks(Callback):
    def on_tick(self, progress: Progress) -> None:
        torch.rand(1)


class Pushing(Callback):
    def on_validation(self, progress: Progress) -> None:
        with torch.no_grad():
            next(progress.learner.model.parameters()).add_(1e-3)


class Clearing(Callback):
    def on_end(self, progress: Progress) -> None:
        progress.learner.optimizer.zero_grad()


class Evaluating(Callback):
    def on_epoch_end(self, progress: Progress) -> None:
        progress.learner.model.eval()


class NeedsStart(Callback):
    def on_start(self, progress: Progress) -> None:
        self.file = 1

    def finish(self, status: str) -> None:
        self.file += 1


class Picky(Callback):
    def finish(self, status: str) -> None:
        {"finished": 1, "failed": 1, "interrupted": 1}[status]


class Unpackable(Callback):
    def state_dict(self) -> dict[str, Any]:
        return {"path": Path()}


class Writing(Callback):
    def on_validation(self, progress: Progress) -> None:
        progress.seconds = 0.0  # type: ignore[misc]


FAULTS: dict[type[Callback], tuple[str, type[Exception], str]] = {
    Forgetful: ("test_it_resumes_after_a_signal", AssertionError, "resumed: .*, without a stop: "),
    HalfForgetful: ("test_it_resumes_after_a_kill", AssertionError, "resumed: .*, without a stop: "),
    OwnGenerator: ("test_it_resumes_after_a_signal", AssertionError, "resumed: .*, without a stop: "),
    Drawing: ("test_it_leaves_the_training_alone", AssertionError, "random numbers are others with it"),
    DrawingAtTicks: ("test_it_leaves_the_training_alone", AssertionError, "are others with it"),
    Pushing: ("test_it_leaves_the_training_alone", AssertionError, "are others with it"),
    Clearing: ("test_it_leaves_the_training_alone", AssertionError, "are others with it"),
    Evaluating: ("test_it_leaves_the_training_alone", AssertionError, "are others with it"),
    NeedsStart: ("test_it_finishes_without_a_start", AttributeError, "file"),
    Picky: ("test_it_takes_any_end", AssertionError, "ended as pruned .* raised KeyError"),
    Unpackable: (
        "test_a_checkpoint_can_hold_its_state",
        RunFailed,
        "callback.path: is a PosixPath, and a checkpoint holds tensors",
    ),
    Writing: ("test_it_leaves_the_training_alone", AttributeError, "seconds"),
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_suite_finds_a_planted_fault(fault: type[Callback], tmp_path: Path) -> None:
    class Suite(CallbackSuite):
        def callback(self, folder: Path) -> Callback:
            return fault()

    test, error, finding = FAULTS[fault]
    with pytest.raises(error, match=f"(?s){finding}"):
        getattr(Suite(), test)(tmp_path)
