"""`hydra/launcher=slurm`: sweeps on a Slurm of two nodes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sweepboard.sweeps.launch import ANOTHER_FAILED
from tests.command import TINY, Command, record_of
from tests.ray_cluster import needs_ray
from tests.runs.process import Sweepboard, assert_the_same, curves
from tests.slurm import Slurm, wait_for

pytestmark = pytest.mark.slow

SLURM = "hydra/launcher=slurm"
SWEEP = Path("outputs/sweeps/s")

CALLBACK = """\
import time
from pathlib import Path
from sweepboard import Callback

class Slow(Callback):
    writes_only = True

    def __init__(self, holds: bool = False) -> None:
        self.holds = holds

    def on_update(self, progress) -> None:
        while not Path("go").exists() and progress.step > 6:
            time.sleep(0.2 if progress.step <= 12 else 1.5)
            if not self.holds:
                break
"""
SLOW = [*TINY, "+callbacks.slow._target_=slow.Slow", "trainer.epochs=10", "trainer.checkpoint.every_steps=6"]
"""60 updates that take more than a minute, or are done at once when there is a file `go`."""

HOLDS = "+callbacks.slow.holds=true"
"""They wait for the file, however long that takes; a signal is not noticed."""

Launch = Callable[..., Sweepboard]


@pytest.fixture
def start(slurm: Slurm, tmp_path: Path) -> Iterator[Launch]:
    """Starts commands in a folder that has the slow callback; at the end nothing of them is left."""
    (tmp_path / "slow.py").write_text(CALLBACK)
    started: list[Sweepboard] = []

    def launch(*words: str) -> Sweepboard:
        started.append(Sweepboard(tmp_path, *words))
        return started[-1]

    yield launch
    for each in started:
        each.kill()
    slurm.cancel_all()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same jobs, here and undisturbed."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "slow.py").write_text(CALLBACK)
    (folder / "go").touch()
    Sweepboard(folder, "-m", *SLOW, "seed=1,2,3", "sweep.name=s").finish()
    return folder / SWEEP


def step_of(run: Path) -> int:
    return int(record_of(run)["step"]) if (run / "run.json").is_file() else 0


def runs_in(sweep: Path) -> list[Path]:
    return [path.parent for path in sweep.glob("*/run.json")]


def running(slurm: Slurm) -> list[str]:
    return [name for name, state in slurm.states().items() if state == "RUNNING"]


def pending(slurm: Slurm) -> list[str]:
    return [name for name, state in slurm.states().items() if state == "PENDING"]


def test_six_jobs_two_allocations_at_once_two_jobs_in_each(slurm: Slurm, command: Command) -> None:
    before = set(slurm.states())
    said = command(
        "-m", *TINY, "seed=1,2,3,4,5,6", "sweep.name=s", SLURM, "hydra.launcher.jobs_per_task=2",
        "hydra.launcher.at_once=2", "trainer.epochs=1",
    )  # fmt: skip
    assert "6 finished" in said.out
    records = [record_of(SWEEP / f"seed={seed}") for seed in range(1, 7)]
    assert {(record["status"], record["attempts"]) for record in records} == {("finished", 1)}
    assert len(set(slurm.states()) - before) == 3
    assert not list(SWEEP.rglob("*.pkl"))


def test_a_sweep_that_a_time_limit_of_slurms_would_not_fit_or_slurm_refuses_is_one_line(
    slurm: Slurm, command: Command
) -> None:
    for words, line in {
        ("hydra.launcher.partition=nope",): "hydra/launcher=slurm: sbatch: error: invalid partition",
        ("hydra.launcher.cpus=64",): "hydra/launcher=slurm: allocation failure",
        ("hydra.launcher.minutes=1",): "hydra.launcher.warn=120: is as long as hydra.launcher.minutes=1",
        ("sweep.jobs=2",): "sweep.jobs: under Slurm, type hydra.launcher.at_once=2",
        ("hydra.launcher.cpu=2",): "hydra.launcher.cpu: there is no such setting; did you mean",
        ("hydra.launcher.wait=false", "sweep.retry=1"): "hydra.launcher.wait=false: nobody is there",
    }.items():
        assert line in command("-m", *TINY, "seed=1,2", SLURM, *words, code=2).line
    assert not Path("outputs").exists()


def test_without_slurm_it_is_one_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    told = command("-m", *TINY, "seed=1,2", SLURM, code=2).line
    assert told == (
        "sweepboard: hydra/launcher=slurm: there is no sbatch here; log in where Slurm is, or add "
        "hydra/launcher=local"
    )


def test_a_broken_line_of_setup_is_told_with_the_end_of_the_log(
    slurm: Slurm, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("SETTLE", 2.0), ("ASK", 1.0)):
        monkeypatch.setattr(f"sweepboard.execution.slurm.executor.{name}", seconds)
    setup = "hydra.launcher.setup=[no_such_module load]"
    said = command("-m", *TINY, "seed=1,2", "sweep.name=s", SLURM, setup, code=1)
    assert "no_such_module: command not found" in said.out
    assert "2 failed" in said.out
    again = command("resume", str(SWEEP), "--failed", "hydra.launcher.setup=['export A=1']")
    assert "2 finished" in again.out


FAILING = """\
from pathlib import Path
from sweepboard import Callback

class Failing(Callback):
    def __init__(self, seed: int) -> None:
        self.tried = Path(f"tried-{seed}")

    def on_update(self, progress) -> None:
        if not self.tried.exists():
            self.tried.touch()
            raise RuntimeError("a bug")
"""


def test_failed_jobs_are_tried_again_and_never_run_more_than_at_once(slurm: Slurm, command: Command) -> None:
    Path("failing.py").write_text(FAILING)
    words = ["+callbacks.failing={_target_: failing.Failing, seed: ${seed}}", "hydra.launcher.at_once=1"]
    words.append("sweep.retry=1")
    said = command("-m", *TINY, "seed=1,2", "sweep.name=s", SLURM, *words).out
    assert said.count("is tried again (1 of 1)") == 2
    assert "2 finished" in said
    assert [record_of(run)["attempts"] for run in runs_in(SWEEP)] == [2, 2]


ONE_FAILS = """
from pathlib import Path
from sweepboard import Callback

class Failing(Callback):
    def on_update(self, progress) -> None:
        try:
            Path("fail").unlink()
        except FileNotFoundError:
            return
        raise RuntimeError("a bug")
"""


def test_a_job_that_fails_stops_the_others(start: Launch, slurm: Slurm, tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(ONE_FAILS)
    words = ["+callbacks.failing._target_=failing.Failing", "seed=1,2", "sweep.name=s", SLURM]
    sweep = start("-m", *SLOW, *words, "sweep.on_failure=stop")
    runs = [tmp_path / SWEEP / f"seed={seed}" for seed in (1, 2)]
    sweep.wait_for(lambda: all(step_of(run) >= 6 for run in runs))
    (tmp_path / "fail").touch()
    assert sweep.end() == 1, sweep.said()
    assert all(count in sweep.said() for count in ("1 failed", "1 interrupted"))  # whichever failed
    assert {record_of(run)["reason"] for run in runs} == {"RuntimeError: a bug", ANOTHER_FAILED}
    wait_for(lambda: not slurm.active(), "the end of the tasks", 30)
    (tmp_path / "go").touch()
    assert "2 finished" in start("resume", str(SWEEP), "--failed").finish()


def test_a_job_that_takes_too_long_is_stopped(start: Launch, slurm: Slurm, tmp_path: Path) -> None:
    sweep = start("-m", *SLOW, "seed=1", "sweep.name=s", SLURM, "sweep.time_limit=4")
    assert sweep.end() == 1, sweep.said()
    [run] = runs_in(tmp_path / SWEEP)
    assert record_of(run)["reason"] == "took longer than sweep.time_limit=4 seconds"
    assert step_of(run) > 0
    assert not slurm.active()


def test_a_requeued_job_goes_on_in_its_folder(
    start: Launch, slurm: Slurm, tmp_path: Path, whole: Path
) -> None:
    sweep = start("-m", *SLOW, "seed=1,2", "sweep.name=s", SLURM)
    run = tmp_path / SWEEP / "seed=1"
    sweep.wait_for(lambda: step_of(run) >= 12)
    for task in running(slurm):
        slurm.requeue(task)
    (tmp_path / "go").touch()
    said = sweep.finish()
    assert "failed" not in said
    assert "its allocation was ended by SIGTERM" in said
    for seed in (1, 2):
        assert_the_same(tmp_path / SWEEP / f"seed={seed}", whole / f"seed={seed}")
    assert record_of(run)["attempts"] == 2


def test_a_time_limit_with_a_warning_saves_requeues_and_finishes(
    start: Launch, slurm: Slurm, tmp_path: Path, whole: Path
) -> None:
    limit = ["hydra.launcher.minutes=1", "hydra.launcher.warn=15"]  # Slurm warns 15 to 60 seconds before
    inside, warned = tmp_path / "inside", ["--time=1", "--signal=B:USR1@15"]
    inside.mkdir()
    submit_whole(inside, "seed=2,3", options=warned)  # a whole sweep in one allocation
    sweep = start("-m", *SLOW, "seed=1", "sweep.name=s", SLURM, *limit)
    deadline = time.monotonic() + 300
    while sweep.process.poll() is None:
        assert time.monotonic() < deadline, sweep.said()
        for task in pending(slurm) if runs_in(tmp_path / SWEEP) else ():
            (tmp_path / "go").touch()  # it has been put back
            slurm.start_now(task)
        time.sleep(1)
    said = sweep.finish()
    assert "its allocation was ended by SIGUSR1" in said
    assert "failed" not in said
    [run] = runs_in(tmp_path / SWEEP)
    assert_the_same(run, whole / "seed=1")
    wait_for(lambda: "interrupted by SIGUSR1" in (inside / "whole.log").read_text(), "the other limit")
    assert {record_of(run)["status"] for run in runs_in(inside / SWEEP)} == {"interrupted"}
    (inside / "go").touch()
    submit_whole(inside, "seed=2,3", options=warned)
    wait_for(lambda: "2 finished" in (inside / "whole.log").read_text(), "the end of the sweep")
    for seed in (2, 3):
        assert_the_same(inside / SWEEP / f"seed={seed}", whole / f"seed={seed}")


def test_after_scancel_of_everything_resume_does_what_is_missing(
    start: Launch, slurm: Slurm, tmp_path: Path, whole: Path
) -> None:
    sweep = start("-m", *SLOW, "seed=1,2,3", "sweep.name=s", SLURM, "hydra.launcher.at_once=2")
    run = tmp_path / SWEEP / "seed=1"
    sweep.wait_for(lambda: step_of(run) >= 12)
    slurm.cancel_all()
    assert sweep.end() == 1
    assert "failed" not in sweep.said()
    assert record_of(run)["status"] == "interrupted"
    (tmp_path / "go").touch()
    assert "3 finished" in start("resume", str(SWEEP)).finish()
    for seed in (1, 2, 3):
        assert_the_same(tmp_path / SWEEP / f"seed={seed}", whole / f"seed={seed}")


def test_ctrl_c_saves_every_job_and_leaves_nothing_at_slurm(
    start: Launch, slurm: Slurm, tmp_path: Path
) -> None:
    sweep = start("-m", *SLOW, "seed=1,2", "sweep.name=s", SLURM, "hydra.launcher.at_once=1")
    sweep.wait_for(lambda: step_of(tmp_path / SWEEP / "seed=1") >= 12)
    said = sweep.stop(2)
    assert "1 interrupted" in said
    assert "1 waiting" in said
    wait_for(lambda: not slurm.active(), "the end of the tasks", 30)
    (tmp_path / "go").touch()
    assert "2 finished" in start("resume", str(SWEEP)).finish()


def test_what_a_killed_command_has_left_is_followed_and_not_started_twice(
    start: Launch, slurm: Slurm, tmp_path: Path, whole: Path
) -> None:
    sweep = start("-m", *SLOW, HOLDS, "seed=1,2,3", "sweep.name=s", SLURM, "hydra.launcher.at_once=2")
    sweep.wait_for(lambda: step_of(tmp_path / SWEEP / "seed=1") >= 6)
    sweep.kill()
    tasks = set(slurm.states())
    again = start("resume", str(SWEEP))
    again.wait_until_it_says("seed=1")
    (tmp_path / "go").touch()
    assert "3 finished" in again.finish()
    assert set(slurm.states()) <= tasks  # those ended long ago are forgotten by Slurm
    for seed in (1, 2, 3):
        run = tmp_path / SWEEP / f"seed={seed}"
        assert record_of(run)["attempts"] == 1
        assert_the_same(run, whole / f"seed={seed}")


def test_submit_and_leave_and_come_back(slurm: Slurm, command: Command) -> None:
    Path("slow.py").write_text(CALLBACK)
    words = ["-m", *SLOW, HOLDS, "seed=1,2", "sweep.name=s", SLURM, "hydra.launcher.at_once=1"]
    words.append("hydra.launcher.wait=false")
    assert "hydra.launcher.wait=true` waits for them" in command(*words).out
    tasks = set(slurm.states())
    wait_for(lambda: step_of(SWEEP / "seed=1") > 0, "the first job")
    listed = command("ls").out
    assert "running (Slurm's job" in listed
    assert "PENDING)" in listed
    plan = command("plan", str(SWEEP)).out
    assert "RUNNING)" in plan
    assert "PENDING)" in plan
    command("resume", str(SWEEP))  # nothing is submitted again, as it is by none of these
    command(*words)
    Path("go").touch()
    assert "2 finished" in command("resume", str(SWEEP), "hydra.launcher.wait=true").out
    assert set(slurm.states()) <= tasks  # those ended long ago are forgotten by Slurm


def submit_whole(folder: Path, *words: str, options: Sequence[str] = ()) -> str:
    """Submit a script that runs a sweep in its allocation, as users write it. Return the id."""
    (folder / "slow.py").write_text(CALLBACK)
    script = folder / "sweep.sh"
    line = " ".join([sys.executable, "-m", "sweepboard", "-m", *SLOW, *words, "sweep.name=s"])
    script.write_text(f"#!/bin/bash\nexec {line}\n")
    submit = [
        "sbatch",
        "--parsable",
        "--cpus-per-task=2",
        "--open-mode=append",
        "--output=whole.log",
        *options,
    ]
    done = subprocess.run([*submit, str(script)], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_whole_sweep_in_one_allocation_survives_a_requeue(
    slurm: Slurm, tmp_path: Path, whole: Path
) -> None:
    task = submit_whole(tmp_path, "seed=1,2,3", "sweep.jobs=2")
    wait_for(lambda: step_of(tmp_path / SWEEP / "seed=1") >= 12, "the first jobs")
    slurm.run("scontrol", "requeue", task)
    wait_for(lambda: f"{task}_N/A" in pending(slurm), "the allocation to wait")
    (tmp_path / "go").touch()
    slurm.run("scontrol", "update", f"JobId={task}", "StartTime=now")
    wait_for(lambda: "3 finished" in (tmp_path / "whole.log").read_text(), "the end of the sweep")
    for seed in (1, 2, 3):
        assert_the_same(tmp_path / SWEEP / f"seed={seed}", whole / f"seed={seed}")


def test_preemption_under_submitit_interrupts(
    start: Launch, slurm: Slurm, tmp_path: Path, whole: Path
) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    limits = ["hydra.launcher.timeout_min=9", "hydra.launcher.cpus_per_task=1"]
    sweep = start("-m", *SLOW, "seed=1,2", "sweep.name=s", "hydra/launcher=submitit_slurm", *limits)
    runs = [tmp_path / SWEEP / f"seed={seed}" for seed in (1, 2)]
    sweep.wait_for(lambda: all(step_of(run) >= 12 for run in runs))
    slurm.run("scancel", "--signal=USR2", *running(slurm))
    assert sweep.end() == 1, sweep.said()
    assert [record_of(run)["status"] for run in runs] == ["interrupted", "interrupted"]
    (tmp_path / "go").touch()
    assert "2 finished" in start("resume", str(SWEEP), "hydra/launcher=local").finish()
    for run in runs:
        assert_the_same(run, whole / run.name)


def test_one_run_over_two_nodes(start: Launch, slurm: Slurm, tmp_path: Path) -> None:
    sweep = start("-m", *SLOW, "seed=1", "trainer.nodes=2", "sweep.name=s", SLURM)
    sweep.wait_for(lambda: any(step_of(run) >= 12 for run in runs_in(tmp_path / SWEEP)))
    [run], [task] = runs_in(tmp_path / SWEEP), running(slurm)
    assert slurm.run("squeue", "-h", "-j", task, "--format=%D %N").split() == ["2", "n[1-2]"]
    slurm.requeue(task)
    (tmp_path / "go").touch()
    said = sweep.finish()
    assert "failed" not in said
    assert record_of(run)["attempts"] == 2
    start("-m", *SLOW, "seed=1", "trainer.devices=2", "sweep.name=one").finish()
    [other] = runs_in(tmp_path / "outputs/sweeps/one")
    assert curves(run) == curves(other)


def test_a_search_with_pruning(slurm: Slurm, command: Command) -> None:
    pytest.importorskip("optuna")
    said = command(
        "-m", *TINY, "hydra/sweeper=optuna", "optimizer.lr=1e-7,1e-2,1e-6,1e-1", SLURM, "sweep.name=s",
        "hydra.sweeper.sampler=grid", "hydra.sweeper.trials=4", "hydra.sweeper.pruner=median",
        "hydra.sweeper.startup=1", "hydra.launcher.at_once=1", "trainer.epochs=4",
    )  # fmt: skip
    # One after the other: which trials are worse than those that have ended does not depend on the time.
    assert "pruned" in said.out
    assert "failed" not in said.out


@needs_ray
def test_the_launcher_changes_no_number(slurm: Slurm, command: Command) -> None:
    found: list[Any] = []
    for name in ("local", "basic", "slurm", "ray"):
        command("-m", *TINY, "seed=1,2", f"sweep.name={name}", f"hydra/launcher={name}")
        runs = [Path("outputs/sweeps") / name / f"seed={seed}" for seed in (1, 2)]
        found.append([(curves(run), record_of(run)["weights_sha256"]) for run in runs])
    assert all(found[0])
    assert found[1:] == [found[0]] * 3
