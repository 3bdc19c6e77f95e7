"""A resumed run is the run that was never stopped; a longer one is allowed, another one is refused."""

from __future__ import annotations

import os
import random
import signal
import socket
from pathlib import Path

import pytest

from sweepboard import files as files_module
from sweepboard.board.event_reader import read_hparams
from sweepboard.runs import execute as execute_module
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.lock import only_writer
from tests.command import TINY, Command, record_of
from tests.runs.process import assert_the_same, curves
from tests.runs.sabotage import ACCIDENTS, SABOTAGED
from tests.tensorboard_server import Server, eventually, tensorboard_server

RUN = Path("run")
HOST = socket.gethostname()
IN = [f"hydra.run.dir={RUN}"]


class Killed(BaseException):
    """The process is gone: nothing catches this."""


def killed() -> None:
    raise Killed


def bug() -> None:
    raise KeyError("a bug of mine")


def asked_to_stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(autouse=True)
def no_accidents() -> object:
    yield ACCIDENTS
    ACCIDENTS.clear()


PATHS = {
    "plateau and early stopping": [
        "model=mlp", "model.dropout=0.3", "scheduler=plateau", "scheduler.patience=0",
        "scheduler.threshold=0.05", "optimizer.lr=0.01", "trainer.epochs=30",
        "trainer.early_stopping.patience=3", "trainer.early_stopping.min_delta=0.01",
        "trainer.limit_train_batches=5", "trainer.val_every_steps=3",
    ],
    "bf16": ["model=mlp", "trainer.precision=bf16", "scheduler=onecycle", "trainer.epochs=4"],
    "workers": ["dataset.in_memory=false", "dataset.workers=2", "dataset.augment=crop_flip"],
    "accumulation": [
        "model=mlp", "trainer.accumulate=4", "trainer.epochs=6", "trainer.grad_clip=0.5", "scheduler=cosine",
    ],
    "several optimizers": [
        "optimizer.adamw._target_=tests.runs.sabotage.Sabotaged", "~optimizer.adamw.fused",
        "model=mlp", "optimizer=muon", "optimizer.adamw.no_decay=bias", "scheduler=warmup_plateau",
        "optimizer.muon.groups.layers={params: '*.1.weight', lr_scale: 0.5}", "scheduler.plateau.patience=0",
        "trainer.grad_clip_value=0.1",
    ],
    "pictures": ["logging=full", "logging.images=4", "logging.every_steps=2", "dataset.augment=flip"],
}  # fmt: skip
"""What the kill tests leave out: other state, other arithmetic, other readers."""


@pytest.mark.parametrize("words", PATHS.values(), ids=PATHS.keys())
def test_stopped_and_resumed_to_the_bit(words: list[str], command: Command) -> None:
    run = [*TINY, *([] if any("Sabotaged" in word for word in words) else SABOTAGED), *words]
    command(*run, "hydra.run.dir=reference")
    ACCIDENTS.update({random.randint(2, 3): asked_to_stop})
    arguments, code = [*run, *IN], 128 + signal.SIGTERM
    for _ in range(3):
        assert "interrupted by SIGTERM" in command(*arguments, code=code).err
        arguments = ["resume", str(RUN)]
    ACCIDENTS.clear()
    command("resume", str(RUN))
    assert_the_same(RUN, Path("reference"))


@pytest.mark.slow
def test_five_resumes_leave_each_point_once_in_every_reader_and_one_row(command: Command) -> None:
    """After interruptions, bugs and kills, each with points logged beyond the last checkpoint."""
    words = [
        *TINY,
        *SABOTAGED,
        "trainer.epochs=4",
        "trainer.checkpoint.every_steps=3",
        "logging.every_steps=1",
    ]
    command(*words, "hydra.run.dir=runs/reference")
    ends = [(5, asked_to_stop, 143), (5, bug, 1), (5, killed, None), (6, bug, 1), (4, asked_to_stop, 143)]
    arguments = [*words, "hydra.run.dir=runs/resumed"]
    for update, accident, code in ends:
        ACCIDENTS.clear()
        ACCIDENTS[update] = accident
        if code is None:
            with pytest.raises(Killed):
                command(*arguments)
        else:
            command(*arguments, code=code)
        arguments = ["resume", "runs/resumed"]
    ACCIDENTS.clear()
    command(*arguments)
    resumed, reference = Path("runs/resumed"), Path("runs/reference")
    assert record_of(resumed)["attempts"] == 6
    assert_the_same(resumed, reference)
    for fast in (False, True):
        with tensorboard_server(Path("runs"), fast) as server:
            for tag, points in curves(reference).items():
                eventually(lambda tag=tag: server.scalars("resumed", tag), points)  # type: ignore[misc]
            assert_one_row_that_says_success(server)


def assert_one_row_that_says_success(server: Server) -> None:
    """Of both runs, which have one configuration and one seed."""
    (row,) = server.session_groups()
    assert {session["name"] for session in row["sessions"]} == {"reference", "resumed"}
    assert {session["status"] for session in row["sessions"]} == {"STATUS_SUCCESS"}


def test_a_longer_run_is_the_run_of_that_length(command: Command) -> None:
    """From an end in the middle of an epoch and of a logging interval, after a test of its own."""
    words = [*TINY, "logging.every_steps=4", "dataset.augment=flip", "trainer.early_stopping.patience=9"]
    command(*words, "trainer.steps=20", "hydra.run.dir=reference")
    command(*words, "trainer.steps=9", *IN)
    command("test", "run", "--checkpoint", "best")
    command("resume", "run", "trainer.steps=20")
    assert curves(RUN) == curves(Path("reference"))
    assert record_of(RUN)["weights_sha256"] == record_of(Path("reference"))["weights_sha256"]
    assert record_of(RUN)["metrics"] == record_of(Path("reference"))["metrics"]
    row = read_hparams(RUN)
    assert row is not None
    assert (row.status, row.hparams["trainer.steps"]) == ("finished", 20)
    assert "identical" in command("verify", "run").out


def test_epochs_are_added_again_and_again(command: Command) -> None:
    command(*TINY, "trainer.epochs=3", "hydra.run.dir=reference")
    command(*TINY, "trainer.epochs=1", *IN)
    for epochs in (2, 3):
        command("resume", "run", f"trainer.epochs={epochs}")
    assert_the_same(RUN, Path("reference"))
    assert record_of(RUN)["overrides"][-1] == "trainer.epochs=3"


def test_what_would_be_another_run_is_refused(command: Command) -> None:
    command(*TINY, "scheduler=cosine", *IN)
    before = files(RUN)
    assert command("resume", "run", "trainer.epochs=20", code=2).line == (
        "sweepboard: scheduler.T_max: 12 -> 120: the schedule was laid out for the first length, so that a "
        "run of another length is another run from its first step on; "
        "type `sweepboard rerun run trainer.epochs=20` instead"
    )
    assert command("resume", "run", "optimizer.lr=1", "seed=3", code=2).line == (
        "sweepboard: seed: 0 -> 3, optimizer.lr: 0.001 -> 1: that would be another run; "
        "type `sweepboard rerun run optimizer.lr=1 seed=3` instead"
    )
    assert "cannot become one of 6" in command("resume", "run", "trainer.epochs=1", code=2).line
    assert files(RUN) == before


def test_a_finished_run_says_so_and_nothing_is_done(command: Command) -> None:
    early = ["trainer.epochs=20", "trainer.early_stopping.patience=1", "trainer.early_stopping.min_delta=0.5"]
    command(*TINY, *IN)
    command(*TINY, *early, "hydra.run.dir=early")
    before = files(RUN) | files(Path("early"))
    done = "nothing is left to do"
    assert f"run has finished: {done} (trainer.epochs=N makes it longer)" in command("resume", "run").out
    for words in ([], ["trainer.epochs=30"]):
        said = command("resume", "early", *words).out
        assert said == f"early stopped early at step 12, as a longer run would have: {done}\n"
    assert files(RUN) | files(Path("early")) == before


def test_a_finished_run_without_checkpoints_is_not_started_over(command: Command) -> None:
    command(*TINY, *IN)
    for path in (RUN / "checkpoints").iterdir():
        path.unlink()
    points = curves(RUN)
    assert "no checkpoint to go on from" in command("resume", "run", "trainer.epochs=3", code=2).line
    assert curves(RUN) == points


def test_a_running_run_is_left_alone(command: Command) -> None:
    command(*TINY, *IN)
    with only_writer(RunFolder(RUN)):
        for argv in (["resume", "run", "trainer.epochs=3"], [*TINY, *IN]):
            said = command(*argv, code=2)
            held = f"sweepboard: run is being written by process {os.getpid()} on {HOST} since 20"
            assert said.line.startswith(held)
        assert "not entered: run is being written by process" in command("test", "run").err


def test_a_run_that_failed_fails_again_at_the_same_step(command: Command) -> None:
    said = command(*TINY, "optimizer=sgd", "optimizer.lr=1e38", *IN, code=1)
    points = curves(RUN)
    again = command("resume", "run", code=1)
    assert again.err.splitlines()[-1] == said.line
    assert curves(RUN) == points
    assert (record_of(RUN)["status"], record_of(RUN)["attempts"]) == ("failed", 2)


def test_a_run_that_ended_before_its_first_checkpoint_starts_over(command: Command) -> None:
    command(*TINY, *SABOTAGED, "hydra.run.dir=reference")
    ACCIDENTS[3] = bug
    command(*TINY, *SABOTAGED, *IN, code=1)
    ACCIDENTS.clear()
    said = command("resume", "run")
    assert said.line == "warning: no checkpoint was saved yet: starting from the beginning"
    assert_the_same(RUN, Path("reference"))


@pytest.mark.parametrize("write", [0, 1, 2])
def test_a_kill_while_a_run_begins_leaves_nothing_in_its_way(
    write: int, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each of the first files: config.yaml, run.json, environment.json."""
    real, written = files_module.write_atomic, []

    def write_atomic(path: Path, content: str | bytes) -> None:
        written.append(path)
        if len(written) > write:
            os._exit(9)
        real(path, content)

    words = [*TINY, *IN]
    child = os.fork()
    if child == 0:
        for module in (files_module, execute_module):
            monkeypatch.setattr(module, "write_atomic", write_atomic)
        with pytest.raises(SystemExit):
            command(*words)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    command(*words, "hydra.run.dir=reference")
    begun = (RUN / "run.json").exists()
    assert begun == (write == 2)
    command("resume", "run") if begun else command(*words)
    assert_the_same(RUN, Path("reference"))


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_test_of_an_interrupted_run_stays_and_is_not_compared(command: Command) -> None:
    ACCIDENTS[8] = lambda: os.kill(os.getpid(), signal.SIGTERM)
    words = [*TINY, "trainer.checkpoint.every_steps=1", *SABOTAGED]
    command(*words, *IN, code=128 + signal.SIGTERM)
    ACCIDENTS.clear()
    command("test", "run")
    command("test", "run", "--checkpoint", "last")
    command("resume", "run")
    found = curves(RUN)
    assert [step for step, _ in found["test/accuracy"]] == [8, 12]  # the first is of the weights of then
    assert [step for step, _ in found["test_best/accuracy"]] == [6, 12]
    assert "identical" in command("verify", "run").out
    before = found
    said = command("test", "run", "--json").json
    assert said["test_best/accuracy"] == record_of(RUN)["metrics"]["test_best/accuracy"]
    assert curves(RUN) == before  # the run had measured it already


def test_options_of_ones_own_are_found_in_their_folder(command: Command) -> None:
    for name, text in {
        "loggers/table": "table:\n  _target_: sweepboard.loggers.CSV\n",
        "model/act/tanh": "_target_: torch.nn.Tanh\n",
    }.items():
        file = Path(f"own/{name}.yaml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    command("dataset=gaussian", *TINY, "hydra.run.dir=r")
    command("resume", "r", "--config-dir", "own", "loggers=table", "trainer.epochs=3")
    assert "loggers=table" in record_of(Path("r"))["overrides"]
    line = command("resume", "r", "--config-dir", "own", "optimizer=sgd", "trainer.epochs=4", code=2).line
    assert "type `sweepboard rerun r --config-dir=own optimizer=sgd trainer.epochs=4` instead" in line
    line = command("resume", "r", "loggers=table", code=2).line
    assert "loggers=table: there is no such option" in line
    line = command("resume", "r", "model/act=tanh", code=2).line
    assert line.endswith("model/act: there is no such group here; one of your own needs its --config-dir")
