"""Examples of training functions: they train, stop, resume to the bit, repeat, and sweep into two rows."""

from __future__ import annotations

import random
import shutil
import signal
from pathlib import Path

import pytest

import sweepboard
from sweepboard.board.event_reader import read_hparams
from sweepboard.board.scalar_reader import read_scalars
from tests.command import Command, record_of
from tests.documents import play
from tests.examples.example import FOLDER, PROGRAMS
from tests.runs.process import Sweepboard

LONG = {"own_training_function": "steps=4000", "summary_writer": "epochs=4000"}


@pytest.fixture(params=PROGRAMS)
def example(request: pytest.FixtureRequest, command: Command, tmp_path: Path) -> str:
    """The name of an example, which is copied to where `command` works."""
    del command  # which has changed into the folder
    shutil.copytree(FOLDER / request.param, tmp_path / "work", dirs_exist_ok=True)
    return str(request.param)


@pytest.mark.slow
def test_it_trains_repeats_and_sweeps_into_two_rows(example: str, command: Command) -> None:
    program = ("--config-dir", "conf", "program._target_=train.main")
    command(*program, "hydra.run.dir=run")
    record = record_of(Path("run"))
    assert record["metrics"]
    assert record["primary_metric"]
    assert command("verify", "run").out.splitlines()[-1].startswith("identical: ")
    command(*program, "-m", f"{PROGRAMS[example]}=0.02,0.01", "sweep.name=s")
    rows = [read_hparams(run.path) for run in sweepboard.load_runs("outputs/sweeps/s")]
    assert sorted(row.hparams[PROGRAMS[example]] for row in rows if row is not None) == [0.01, 0.02]


@pytest.mark.slow
def test_stopped_at_a_random_step_it_goes_on_to_the_same_weights_and_curves(
    example: str, command: Command, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    words = ["--config-dir", "conf", "program._target_=train.main", "threads=1", LONG[example]]
    command(*words, "hydra.run.dir=whole")
    stopped = Sweepboard(work, *words, "hydra.run.dir=stopped")
    stopped.wait_for_its_record(work / "stopped")
    stopped.sleep(random.uniform(0.0, 1.5))
    stopped.process.send_signal(signal.SIGTERM)
    assert stopped.process.wait() in (143, 0)
    command("resume", "stopped")
    assert record_of(work / "stopped")["weights_sha256"] == record_of(work / "whole")["weights_sha256"]
    then, now = read_scalars(work / "whole"), read_scalars(work / "stopped")
    assert then.keys() == now.keys()
    for tag, curve in then.items():
        assert now[tag].steps.tolist() == curve.steps.tolist()
        assert now[tag].values.tolist() == curve.values.tolist()


@pytest.mark.slow
def test_its_readme_is_true(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert len(play((FOLDER / example / "README.md").read_text(), tmp_path / "work")) >= 3
