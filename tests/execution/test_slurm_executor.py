"""The Slurm executor keeps the contract of every executor."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweepboard.execution import Event, Executor, Job, Message
from sweepboard.execution.slurm import SlurmExecutor
from sweepboard.execution.slurm.adoption import standing
from sweepboard.execution.slurm.commands import queue
from sweepboard.settings import SlurmSettings
from sweepboard.testing import ExecutorSuite
from tests.slurm import Slurm, wait_for

pytestmark = pytest.mark.slow


def test_each_job_sees_the_gpu_of_its_allocation_that_it_is_assigned(slurm: Slurm, tmp_path: Path) -> None:
    settings = SlurmSettings(gpus=2, cpus=2, jobs_per_task=2)
    with SlurmExecutor(settings, tmp_path) as executor:
        assert executor.resources().gpus == ("0", "1")
        for name in "ab":
            executor.submit(Job(name, "tests.execution.jobs:say", gpu=True))
        events = list[Event]()
        while executor.busy:
            events += executor.poll()
    said = [event.payload for event in events if isinstance(event, Message)]
    assert sorted(each["gpu"] for each in said) == ["0", "1"]
    assert not any(each["torch"] for each in said)


def test_secrets_reach_a_job_and_no_file(slurm: Slurm, tmp_path: Path) -> None:
    with SlurmExecutor(SlurmSettings(), tmp_path) as executor:
        executor.submit(Job("a", "tests.execution.jobs:digest", {"x": 1}, {"key": "hush"}))
        events = list[Event]()
        while executor.busy:
            events += executor.poll()
    [said] = [event.payload for event in events if isinstance(event, Message)]
    assert said == {"x": 1, "digest": hashlib.sha256(b"hush").hexdigest()}
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and "hush" in path.read_text()]


def test_a_folder_that_somebody_gave_away_names_no_task_of_this_users(slurm: Slurm, tmp_path: Path) -> None:
    with SlurmExecutor(SlurmSettings(wait=False), tmp_path / "own") as executor:
        executor.submit(Job("a", "sweepboard.testing.executor_jobs:hang"))
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
