"""Callbacks and loggers of the configuration in whole commands: runs, resumed runs, sweeps, comparisons."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.command import TINY, Command, only_run, record_of

SOURCE = """
from os.path import exists
from sweepboard import Callback, Logger

def append(name, *words):
    with open(name, "a") as file:
        print(*words, file=file)

class Halver(Callback):
    '''Halves the learning rate once, and keeps in the checkpoint that it did.'''
    def __init__(self, at: int = 4) -> None:
        self.at, self.done = at, False
    def on_update(self, progress):
        if progress.step == self.at and not self.done:
            self.done = True
            for group in progress.learner.optimizer.param_groups:
                group["lr"] /= 2
    def state_dict(self):
        return {"done": self.done}
    def load_state_dict(self, state):
        self.done = state["done"]

class Writer(Callback):
    writes_only = True
    def on_start(self, progress):
        append("written.txt", progress.step)

class Timer(Callback):
    writes_only = True
    def on_validation(self, progress):
        progress.log.scalars({"timer/seconds": progress.seconds})

class Budget(Callback):
    def __init__(self, steps: int) -> None:
        self.steps = steps
    def on_update(self, progress):
        progress.log.scalars({"budget/left": self.steps - progress.step})
        if progress.step >= self.steps:
            progress.stop("the budget is used up")

class Notes(Logger):
    def scalars(self, step, scalars):
        append("notes.txt", step, sorted(scalars))

class Stop(Callback):
    def __init__(self):
        self.stops = not exists("go on")
    def on_update(self, progress):
        if progress.step == 7 and self.stops:
            raise KeyboardInterrupt
"""
HALVER = "+callbacks.halver._target_=own.Halver"
WRITER = "+callbacks.writer._target_=own.Writer"
NOTES = "+loggers.notes._target_=own.Notes"


@pytest.fixture
def own(command: Command) -> Command:
    Path("own.py").write_text(SOURCE)
    return command


def columns(run: Path) -> dict[str, object]:
    from sweepboard.analysis.api import load_run

    return dict(load_run(run).hparams)


def test_a_run_has_them_and_a_rerun_and_verify_too(own: Command) -> None:
    own(*TINY, HALVER, WRITER, NOTES)
    run = only_run(Path("outputs"))
    assert record_of(run)["writes_only"] == ["callbacks.writer", "loggers.notes"]
    assert Path("written.txt").read_text() == "0\n"
    assert "'train/loss'" in Path("notes.txt").read_text()
    saved = yaml.safe_load((run / "config.yaml").read_text())
    assert saved["callbacks"]["halver"] == {"_target_": "own.Halver"}
    row = columns(run)
    assert {key: row[key] for key in row if key.startswith(("callbacks", "loggers"))} == {
        "callbacks": "halver",
        "callbacks.halver._target_": "own.Halver",
    }
    assert "identical" in own("verify", str(run)).out
    assert Path("written.txt").read_text() == "0\n"  # those that only write are left out
    told = own("rerun", str(run), "~callbacks.writer", "~loggers.notes", "trainer.epochs=2").out
    assert "the same numbers are expected, bit by bit" in told
    assert "because of callbacks.halver" in own("rerun", str(run), "~callbacks.halver").out


def test_what_a_callback_that_only_writes_logs_is_not_compared(own: Command) -> None:
    own(*TINY, "+callbacks.timer._target_=own.Timer")
    run = only_run(Path("outputs"))
    assert record_of(run)["callback_tags"] == {"timer/seconds": "callbacks.timer"}
    assert "identical" in own("verify", str(run)).out


def test_a_callback_ends_the_run_and_a_longer_one_goes_on(own: Command) -> None:
    said = own(
        *TINY, "+callbacks.budget._target_=own.Budget", "callbacks.budget.steps=7", "hydra.run.dir=run"
    )
    assert "stopped early" in said.out
    record = record_of(Path("run"))
    why = "callbacks.budget: the budget is used up"
    assert (record["status"], record["step"], record["stopped"]) == ("finished", 7, why)
    assert "test/loss" in record["metrics"]
    assert f"stopped early at step 7: {why}" in Path("run/train.log").read_text()
    assert f"was stopped at step 7 by {why}: nothing is left to do" in own("resume", "run").out
    assert "identical" in own("verify", "run").out
    own("resume", "run", "trainer.epochs=3")
    assert record_of(Path("run"))["step"] == 8  # its budget is used up at once


def test_the_state_is_in_the_checkpoint_and_writers_may_come_and_go(own: Command) -> None:
    own(*TINY, HALVER, "hydra.run.dir=whole")
    own(*TINY, HALVER, WRITER, "+callbacks.stop._target_=own.Stop", "hydra.run.dir=stopped", code=130)
    line = own("resume", "stopped", "~callbacks.stop", code=2).line
    assert "callbacks.stop._target_: own.Stop -> (none): that would be another run" in line
    Path("go on").touch()
    own("resume", "stopped", "~callbacks.writer", NOTES)
    whole, resumed = record_of(Path("whole")), record_of(Path("stopped"))
    assert resumed["weights_sha256"] == whole["weights_sha256"]
    assert resumed["writes_only"] == ["loggers.notes"]


def test_a_sweep_over_callbacks_checks_each_point_and_has_one_column(own: Command) -> None:
    Path("conf/callbacks").mkdir(parents=True)
    Path("conf/callbacks/halver.yaml").write_text("halver:\n  _target_: own.Halver\n  at: 4\n")
    sweep = [*TINY, "-m", "--config-dir", "conf", "sweep.name=s", "sweep.jobs=1", "trainer.epochs=1"]
    line = own(*sweep, "callbacks=halver", "callbacks.halver.at=2,x", code=2).line
    assert "in callbacks.halver.at=x: callbacks.halver.at: needs" in line
    own(*sweep, "callbacks=none,halver")
    runs = sorted(path.parent for path in Path("outputs/sweeps/s").rglob("run.json"))
    assert [run.name for run in runs] == ["callbacks=halver", "callbacks=none"]
    assert [columns(run)["callbacks"] for run in runs] == ["halver", "none"]


def test_several_options_at_once_and_one_of_ones_own(own: Command) -> None:
    Path("conf/callbacks").mkdir(parents=True)
    for name in ("first", "second"):
        Path(f"conf/callbacks/{name}.yaml").write_text(f"{name}:\n  _target_: own.Writer\n")
    own(*TINY, "--config-dir", "conf", "callbacks=[first,second]", HALVER, "~callbacks.first")
    run = only_run(Path("outputs"))
    assert record_of(run)["writes_only"] == ["callbacks.second"]
    told = own("rerun", str(run), "callbacks=first", "--config-dir", "conf").out
    assert "differs: callbacks.halver" not in told
    newest = max(Path("outputs").rglob("run.json"), key=lambda path: path.stat().st_mtime)
    assert json.loads(newest.read_text())["writes_only"] == ["callbacks.first"]


def test_a_strangers_callback_is_built_only_where_it_is_allowed(own: Command) -> None:
    own(*TINY, WRITER)
    run = only_run(Path("outputs"))
    record = record_of(run)
    (run / "run.json").write_text(json.dumps({**record, "signature": None}))
    Path("written.txt").unlink()
    line = own("rerun", str(run), code=2).line
    assert "callbacks.writer._target_: own.Writer is not built from a run folder that is not yours" in line
    assert not Path("written.txt").exists()
    own("rerun", str(run), "--allow", "own")
