"""`hydra/launcher=ray`: what it refuses; a sweep, a killed sweep and a search on Rays of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sweepboard import load_runs
from sweepboard.descendants import descendants
from sweepboard.execution import Job
from sweepboard.process_identity import process_started
from tests.command import Command
from tests.ray_cluster import RunningRay, needs_ray, running_ray

RAY = ["-m", "hydra/launcher=ray"]
TINY = ["trainer=debug", "model=mlp", "threads=1", "dataset=gaussian"]
SWEEP = Path("outputs/sweeps/s")


@needs_ray
@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("hydra.launcher.cpu=2", "hydra.launcher.cpu: there is no such setting; did you mean "),
        ("hydra.launcher.cpus=1000", "hydra.launcher.cpus: a job takes 1000, and this machine has "),
        ("hydra.launcher.gpus=1000", "hydra.launcher.gpus: a job takes 1000, and this machine has "),
        ("hydra.launcher.memory=9T", "hydra.launcher.memory: a job takes 9216.0G, and this machine has "),
        ("device=cuda", "hydra.launcher.gpus=0: the jobs compute on a GPU (device=cuda): give them one"),
        ("hydra.launcher.cpus=1.5", "hydra.launcher.cpus=1.5: above 1, Ray takes whole numbers only"),
        ("hydra.launcher.memory=lots", "hydra.launcher.memory=lots: write 16G, 500M, or a number of MiB"),
        ("hydra.launcher.address=ray://h:1", "hydra.launcher.address=ray://h:1: write host:port, or auto"),
        ("hydra.launcher.address=127.0.0.1:9", "hydra.launcher.address=127.0.0.1:9: no Ray answers there"),
        # It finds none, or one of other tests at the same time, which does not answer without its token.
        ("hydra.launcher.address=auto", "hydra.launcher.address=auto: no Ray "),
        ("trainer.nodes=2", "trainer.nodes=2: only hydra/launcher=slurm runs a job on several machines"),
        ("+hydra.launcher.resources.a100=1", "hydra.launcher.resources.a100: a job takes 1, and this "),
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


@pytest.fixture(scope="module")
def cluster() -> Iterator[RunningRay]:
    """The cluster that tests of this file share."""
    with running_ray() as running:
        yield running


@pytest.fixture
def on_cluster(cluster: RunningRay, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words for jobs on that cluster."""
    cluster.let_in(monkeypatch)
    return [*RAY, f"hydra.launcher.address={cluster.address}"]


@needs_ray
@pytest.mark.slow
def test_six_jobs(on_cluster: list[str], command: Command) -> None:
    said = command(*on_cluster, *TINY, "seed=1,2,3,4,5,6", "hydra.launcher.at_once=2", "sweep.name=s")
    assert "6 finished" in said.out
    assert {run.status for run in load_runs(SWEEP)} == {"finished"}


@needs_ray
@pytest.mark.slow
def test_a_job_too_large_for_every_machine_of_a_cluster_is_told_to_wait(
    on_cluster: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    from sweepboard.execution.ray import RayCluster, RayExecutor

    executor = RayExecutor(RayCluster(on_cluster[-1].partition("=")[2], cpus=1000))
    executor.check([Job("a", "m:f")])
    executor.close()
    assert "hydra.launcher.cpus: a job takes 1000, and no machine of the cluster has more than" in caplog.text


@needs_ray
@pytest.mark.slow
def test_a_cluster_that_lets_nobody_in_is_one_line(cluster: RunningRay, command: Command) -> None:
    there = f"hydra.launcher.address={cluster.address}"
    said = command(*RAY, *TINY, "seed=1,2", there, code=2)
    assert there in said.line
    assert not Path("outputs").exists()


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
def test_a_search_prunes_on_ray(on_cluster: list[str], command: Command) -> None:
    words = ["hydra/sweeper=optuna", "hydra.sweeper.trials=8", "hydra.sweeper.pruner=median"]
    words += ["hydra.sweeper.startup=2", "optimizer.lr=tag(log,interval(1e-4,1e-1))", "sweep.name=s"]
    said = command(*on_cluster, *TINY, *words, "hydra.launcher.at_once=1")
    assert "pruned" in said.out
    locally = [*TINY, *words[:-1], "sweep.name=local", "sweep.jobs=1"]
    command("-m", *locally)
    trials = [sorted(path.name for path in (SWEEP.parent / name).glob("0*")) for name in ("s", "local")]
    assert trials[0] == trials[1]
