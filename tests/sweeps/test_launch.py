"""Jobs that go wrong in every way cost only themselves and say why; a sweep can be taken up again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sweepboard.board.event_reader import read_hparams
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.job_status import views_of
from sweepboard.sweeps.launch import _still_left
from sweepboard.sweeps.plan_file import read_plan
from tests.command import TINY, Command, record_of

MISCHIEF = """
import os, signal, sys, time
from pathlib import Path
from sweepboard.models.linear import Linear

class Mischief(Linear):
    def __init__(self, input_shape, outputs, how="none"):
        super().__init__(input_shape, outputs)
        self.how = how

    def forward(self, inputs):
        outputs = super().forward(inputs)
        dry_run = len(inputs) <= 2
        return outputs if dry_run or not self.training else getattr(self, f"_{self.how}")(outputs)

    def _none(self, outputs):
        return outputs

    def _raise(self, outputs):
        raise KeyError("no such thing")

    def _exit(self, outputs):
        sys.exit(0)

    def _leave(self, outputs):
        os._exit(0)

    def _kill(self, outputs):
        os.kill(os.getpid(), signal.SIGKILL)

    def _nan(self, outputs):
        return outputs * float("nan")

    def _hang(self, outputs):
        time.sleep(1.5)
        return outputs

    def _once(self, outputs):
        if not Path("tried").exists():
            Path("tried").touch()
            raise RuntimeError("not yet")
        return outputs
"""
MODEL = ["model._target_=mischief.Mischief", *TINY]


@pytest.fixture(autouse=True)
def _mischief(command: Command) -> None:
    Path("mischief.py").write_text(MISCHIEF)


def results(name: str) -> dict[str, dict[str, Any]]:
    rows = json.loads(Path(f"outputs/sweeps/{name}/results.json").read_text())
    return {row["job"]: row for row in rows}


REASONS = {
    "raise": "KeyError: 'no such thing'",
    "exit": "the code called sys.exit(0)",
    "leave": "process exited with code 0 before training finished",
    "kill": "killed by SIGKILL (kill -9, or the system where memory ran out)",
    "nan": "loss became non-finite at step",
    "hang": "took longer than sweep.time_limit=8 seconds",
}


@pytest.mark.slow
def test_a_job_costs_only_itself_and_says_why(command: Command) -> None:
    hows = ",".join(["none", *REASONS])
    said = command("-m", *MODEL, f"+model.how={hows},none", "sweep.time_limit=8", "sweep.name=s", code=1)
    found = results("s")
    assert next(iter(found)) == "model.how=none", "the best comes first"
    assert {job: row["state"] for job, row in found.items()} == {
        "model.how=none": "finished", **{f"model.how={how}": "failed" for how in REASONS}
    }  # fmt: skip
    for how, reason in REASONS.items():
        folder = Path(f"outputs/sweeps/s/model.how={how}")
        assert found[folder.name]["reason"].startswith(reason)
        assert record_of(folder)["status"] == "failed"
        assert record_of(folder)["reason"].startswith(reason)
        assert reason in said.out
    assert "was asked for more than once: it is one job" in said.out
    log = Path("outputs/sweeps/s/model.how=raise/train.log").read_text()
    for text in (log, said.out):
        assert "Traceback" in text
        assert 'raise KeyError("no such thing")' in text
    shown, last = 'raise KeyError("no such thing")', REASONS["hang"]  # which job ends last by seconds
    assert said.out.index(shown) < said.out.index(last), "not at once"


def test_a_failed_job_is_tried_again_when_asked(command: Command) -> None:
    words = [*MODEL, "+model.how=once", "seed=1"]
    said = command("-m", *words, "sweep.name=s", code=1)
    assert "RuntimeError: not yet" in said.out
    assert "sweepboard resume outputs/sweeps/s --failed" in said.out
    assert "1 failed" in command("-m", *words, "sweep.name=s", code=1).out, "it was not asked for"
    assert "1 finished" in command("resume", "outputs/sweeps/s", "--failed").out
    Path("tried").unlink()
    said = command("-m", *words, "sweep.retry=1", "sweep.name=t")
    assert "is tried again (1 of 1)" in said.out
    assert "1 finished" in said.out


def test_a_failure_stops_the_others_when_asked(command: Command) -> None:
    words = [*MODEL, "+model.how=raise,none", "seed=1,2,3", "sweep.on_failure=stop", "sweep.jobs=1"]
    command("-m", *words, "sweep.name=s", code=1)
    states = [row["state"] for row in results("s").values()]
    assert sorted(states) == ["failed", *["waiting"] * 5]


def test_points_are_added_to_a_sweep(command: Command) -> None:
    command("-m", *TINY, "optimizer.lr=0.1,0.01", "seed=1,2", "sweep.name=s", "hydra/launcher=basic")
    said = command("resume", "outputs/sweeps/s", "optimizer.lr=3e-2")
    assert "2 jobs added" in said.out
    assert "6 finished" in said.out
    run = Path("outputs/sweeps/s/optimizer.lr=0.03,seed=2")
    assert {"optimizer.lr=3e-2", "seed=2"} < set(record_of(run)["overrides"])
    assert "optimizer.lr=0.1" not in record_of(run)["overrides"]
    # The HParams table of a sweep has a column for what differs in it, and a row for what differs in seeds.
    rows = [read_hparams(path.parent) for path in Path("outputs").rglob("run.json")]
    assert {row.hparams["optimizer.lr"] for row in rows if row} == {0.1, 0.01, 0.03}
    assert len({row.group for row in rows if row}) == 3
    assert (run / ".hydra" / "hydra.yaml").is_file()
    assert "2 jobs" not in command("resume", "outputs/sweeps/s", "seed=1").out
    assert command("resume", "outputs/sweeps/s", "optimizer.lr=0", code=2).line == (
        "sweepboard: in optimizer.lr=0: optimizer.lr: must be a finite number above 0, got 0"
    )


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "joblib", "submitit_local"])
def test_every_launcher_gives_the_same_numbers(command: Command, launcher: str) -> None:
    if launcher != "basic":
        pytest.importorskip(f"hydra_plugins.hydra_{launcher.partition('_')[0]}_launcher")
    words = ["optimizer.lr=0.1,0.01", *TINY, "model=cnn", "threads=null", "seed=1,2"]
    for name in ("local", launcher):
        command("-m", *words, f"hydra/launcher={name}", f"sweep.name={name}")
    local, other = results("local"), results(launcher)
    for job, row in local.items():
        assert {**row, "seconds": 0} == {**other[job], "seconds": 0}
        one, two = (record_of(Path(f"outputs/sweeps/{name}/{job}")) for name in ("local", launcher))
        assert one["weights_sha256"] == two["weights_sha256"]


def test_other_sweepers_run_on_our_launcher(command: Command) -> None:
    words = ["optimizer.lr=1e-1,0.1,1e-2", *TINY, "hydra/sweeper=basic"]
    said = command("-m", *words, "sweep.name=s")
    assert "2 finished" in said.out
    assert "there is no plan to show" in command("plan", *words, code=2).line
    assert (
        "hydra/sweeper=basic knows nothing of it" in command("-m", *words, "sweep.filter=seed>1", code=2).line
    )


@pytest.mark.parametrize("launcher", ["basic", pytest.param("local", marks=pytest.mark.slow)])
def test_a_failed_job_of_another_sweeper_is_a_failed_command(command: Command, launcher: str) -> None:
    words = [
        "hydra/sweeper=basic",
        f"hydra/launcher={launcher}",
        "hydra.sweep.dir=s",
        "+model.how=raise,none",
    ]
    command("-m", *MODEL, *words, code=1)
    assert {record_of(path.parent)["status"] for path in Path("s").glob("*/run.json")} == {
        "failed",
        "finished",
    }


def test_a_job_that_ended_while_the_queue_was_looked_into_is_not_submitted_again(command: Command) -> None:
    command("-m", *TINY, "seed=1,2", "sweep.name=s")
    folder = SweepFolder(Path("outputs/sweeps/s"))
    plan = read_plan(folder)
    for state, left in (("running", []), ("waiting", plan.jobs)):
        views = views_of(plan, folder)
        for view in views.values():
            view.state = state
        assert _still_left(folder, plan, plan.jobs, views) == list(left)
        assert {view.state for view in views.values()} == {"waiting" if left else "finished"}
