"""`hydra/launcher=ray`: what it refuses; a sweep, a killed sweep and a search on a Ray of this machine."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sweepboard import load_runs
from sweepboard.descendants import descendants
from sweepboard.metric_names import SPEED
from sweepboard.process_identity import process_started
from tests.command import Command

RAY = ["-m", "hydra/launcher=ray"]
TINY = ["trainer=debug", "model=mlp", "threads=1", "dataset=gaussian"]
SWEEP = Path("outputs/sweeps/s")

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'sweepboard[ray]'"
)


@needs_ray
@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("hydra.launcher.cpu=2", "hydra.launcher.cpu: there is no such setting; did you mean "),
        ("hydra.launcher.cpus=1000", "hydra.launcher.cpus=1000: this machine has "),
        ("hydra.launcher.gpus=1000", "hydra.launcher.gpus=1000: this machine has "),
        ("hydra.launcher.cpus=1.5", "hydra.launcher.cpus=1.5: above 1, Ray takes whole numbers only"),
        ("hydra.launcher.memory=lots", "hydra.launcher.memory=lots: write 16G, 500M, or a number of MiB"),
        ("hydra.launcher.address=ray://h:1", "hydra.launcher.address=ray://h:1: write host:port, or auto"),
        ("hydra.launcher.address=127.0.0.1:9", "hydra.launcher.address=127.0.0.1:9: no Ray answers there"),
        ("+hydra.launcher.resources.a100=1", "hydra.launcher.resources.a100: Ray on this machine alone has"),
        ("hydra.launcher.at_once=0", "hydra.launcher.at_once: must be 1 or more, got 0"),
        ("sweep.jobs=2", "sweep.jobs=2: on Ray it is hydra.launcher.at_once=2"),
        ("sweep.jobs_per_gpu=4", "sweep.jobs_per_gpu=4: on Ray it is hydra.launcher.gpus=0.25"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_a_line(command: Command, typed: str, line: str) -> None:
    assert line in command(*RAY, *TINY, "seed=1,2", typed, code=2).line
    assert not Path("outputs").exists()


def test_without_ray_the_line_says_what_to_install(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweepboard.sweeps.ray_jobs.find_spec", lambda name: None)
    assert "pip install 'sweepboard[ray]'" in command(*RAY, *TINY, "seed=1,2", code=2).line


@needs_ray
@pytest.mark.slow
def test_six_jobs_have_the_scalars_of_local_ones(command: Command) -> None:
    command(*RAY, *TINY, "seed=1,2,3,4,5,6", "hydra.launcher.at_once=2", "sweep.name=s")
    command("-m", *TINY, "seed=1,2,3,4,5,6", "sweep.name=local")
    command("-m", "hydra/launcher=basic", *TINY, "seed=1,2,3,4,5,6", "sweep.name=basic")
    there = {run.path.name: run for run in load_runs(SWEEP)}
    for name in ("local", "basic"):
        here = {run.path.name: run for run in load_runs(Path("outputs/sweeps") / name)}
        assert there.keys() == here.keys()
        for label, run in there.items():
            assert_same_scalars(run.path, here[label].path)


def assert_same_scalars(one: Path, other: Path) -> None:
    from sweepboard.board.event_reader import read_scalars

    here, there = read_scalars(one), read_scalars(other)
    assert here.keys() == there.keys()
    for tag in (tag for tag in here if tag != SPEED):
        assert list(here[tag].steps) == list(there[tag].steps)
        assert list(here[tag].values) == list(there[tag].values)


@needs_ray
@pytest.mark.slow
def test_a_killed_sweep_leaves_no_process_and_is_resumed(command: Command, tmp_path: Path) -> None:
    words = [*RAY, *TINY, "seed=1,2,3", "trainer.steps=200", "sweep.name=s"]
    program = [sys.executable, "-m", "sweepboard", *words]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, start_new_session=True) as sweep:
        wait_for(lambda: len([*SWEEP.glob("seed=*/checkpoints/last.pt")]) >= 1)
        family = [sweep.pid, *descendants(sweep.pid)]
        os.kill(sweep.pid, signal.SIGKILL)
    assert len(family) > 5
    wait_for(lambda: not any(process_started(pid) for pid in family))
    command("resume", str(SWEEP))
    assert {run.status for run in load_runs(SWEEP)} == {"finished"}


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds, for a minute."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@needs_ray
@pytest.mark.slow
def test_a_search_prunes_on_ray(command: Command) -> None:
    words = ["hydra/sweeper=optuna", "hydra.sweeper.trials=8", "hydra.sweeper.pruner=median"]
    words += ["hydra.sweeper.startup=2", "optimizer.lr=tag(log,interval(1e-4,1e-1))", "sweep.name=s"]
    said = command(*RAY, *TINY, *words, "hydra.launcher.at_once=1")
    assert "pruned" in said.out
    locally = [*TINY, *words[:-1], "sweep.name=local", "sweep.jobs=1"]
    command("-m", *locally)
    trials = [sorted(path.name for path in (SWEEP.parent / name).glob("0*")) for name in ("s", "local")]
    assert trials[0] == trials[1]
