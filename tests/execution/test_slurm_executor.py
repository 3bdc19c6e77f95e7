"""The Slurm executor keeps the contract of every executor."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweepboard.execution import Ended, Executor, Job, Message
from sweepboard.execution.slurm import SlurmExecutor
from sweepboard.execution.slurm.adoption import standing
from sweepboard.execution.slurm.commands import queue
from sweepboard.settings import SlurmSettings
from sweepboard.testing import ExecutorSuite
from tests.execution.executors import gone, hanging, pids_of, report, run
from tests.slurm import Slurm, wait_for

pytestmark = pytest.mark.slow


def test_each_job_sees_the_gpu_of_its_allocation_that_it_is_assigned(slurm: Slurm, tmp_path: Path) -> None:
    settings = SlurmSettings(gpus=2, cpus=2, jobs_per_task=2)
    with SlurmExecutor(settings, tmp_path) as executor:
        assert executor.resources().gpus == ("0", "1")
        events = run(executor, *(Job(name, "tests.execution.jobs:say", gpu=True) for name in "ab"))
    said = [event.payload for event in events if isinstance(event, Message)]
    assert sorted(each["gpu"] for each in said) == ["0", "1"]
    assert not any(each["torch"] for each in said)


def test_each_process_on_each_node_sees_the_gpus_of_its_node(slurm: Slurm, tmp_path: Path) -> None:
    job = Job(
        "a", "tests.execution.jobs:note_gpus", {"folder": str(tmp_path)}, gpu=True, gpus=4, cores=4, nodes=2
    )
    with SlurmExecutor(SlurmSettings(gpus=2), tmp_path / "launcher") as executor:
        executor.check([job])
        assert Ended("a", 0) in run(executor, job)
    said = sorted(path.read_text() for path in tmp_path.glob("rank-*"))
    assert said == ["n1 0,1", "n1 0,1", "n2 0,1", "n2 0,1"]


def test_a_process_that_ends_badly_ends_the_others_of_its_job(slurm: Slurm, tmp_path: Path) -> None:
    job = Job("a", "tests.execution.jobs:one_leaves", gpus=2, cores=2, nodes=2)
    with SlurmExecutor(SlurmSettings(), tmp_path) as executor:
        [end] = [event for event in run(executor, job) if isinstance(event, Ended)]
    assert end.code not in (0, None)
    assert end.stop_reason is None


def test_jobs_are_killed_at_the_end_and_do_not_have_slurms_patience(slurm: Slurm, tmp_path: Path) -> None:
    with SlurmExecutor(SlurmSettings(), tmp_path) as executor:
        executor.submit(hanging("a", deaf=True))
        pids = pids_of(executor)
    assert gone(pids, 15)  # KillWait=30


def test_a_job_that_is_tried_again_waits_until_there_is_room(slurm: Slurm, tmp_path: Path) -> None:
    with SlurmExecutor(SlurmSettings(at_once=1), tmp_path) as executor:
        executor.submit(hanging("first"))
        pids_of(executor)
        executor.submit(report("again"))
        assert executor.poll() == []
        wait_for(lambda: "Dependency" in slurm.run("squeue", "-h", "--format=%r"), "the second to wait")
        executor.stop("first", "it was enough")
        assert Ended("again", 0) in run(executor)


def test_secrets_reach_a_job_and_no_file(slurm: Slurm, tmp_path: Path) -> None:
    with SlurmExecutor(SlurmSettings(), tmp_path) as executor:
        events = run(executor, Job("a", "tests.execution.jobs:digest", {"x": 1}, {"key": "hush"}))
    [said] = [event.payload for event in events if isinstance(event, Message)]
    assert said == {"x": 1, "digest": hashlib.sha256(b"hush").hexdigest()}
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and "hush" in path.read_text()]


def test_a_folder_that_somebody_gave_away_names_no_task_of_this_users(slurm: Slurm, tmp_path: Path) -> None:
    with SlurmExecutor(SlurmSettings(wait=False), tmp_path / "own") as executor:
        executor.submit(hanging("a"))
        executor.poll()
    assert standing(tmp_path / "own", queue()).keys() == {"a"}
    shutil.copytree(tmp_path / "own", tmp_path / "other")
    assert standing(tmp_path / "other", queue()) == {}
    slurm.cancel_all()
    assert standing(tmp_path / "own", queue()) == {}


class TestSlurmExecutor(ExecutorSuite):
    patience = 300.0

    @pytest.fixture(autouse=True)
    def _folder(self, slurm: Slurm, tmp_path: Path) -> Iterator[None]:
        self.folder = tmp_path
        yield
        wait_for(lambda: not slurm.active(), "all tasks to end")

    def executor(self, jobs: int, grace: float) -> Executor:
        return SlurmExecutor(SlurmSettings(at_once=jobs), self.folder, grace=grace)
