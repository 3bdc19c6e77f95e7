"""The executor of a Ray cluster: it passes the suite, and nothing outlives its parent, however that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweepboard.descendants import descendants
from sweepboard.errors import RunFailed
from sweepboard.execution import LOST, Ended, Executor, Job, Message
from sweepboard.execution.ray import RayCluster, RayExecutor
from sweepboard.testing import ExecutorSuite
from tests.execution.executors import gone, hanging, pids_of, report, run
from tests.ray_cluster import RunningRay, needs_ray, running_ray

pytestmark = [pytest.mark.slow, needs_ray]

SECONDS = 20.0
"""That Ray may take to end its processes."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[RunningRay]:
    """The cluster that the tests of this file share."""
    with running_ray() as running:
        yield running


@pytest.fixture(autouse=True)
def address(cluster: RunningRay, monkeypatch: pytest.MonkeyPatch) -> str:
    """The cluster's address, with whose token this process may connect."""
    cluster.let_in(monkeypatch)
    return cluster.address


class TestConformance(ExecutorSuite):
    """The suite that every backend passes."""

    @pytest.fixture(autouse=True)
    def _at(self, address: str) -> None:
        self.address = address

    def executor(self, jobs: int, grace: float) -> Executor:
        return RayExecutor(RayCluster(self.address, at_once=jobs), grace=grace)


def processes(title: str) -> list[int]:
    """The processes whose command line begins so."""
    lines = {file: file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline")}
    return [int(file.parent.name) for file, line in lines.items() if line.startswith(title.encode())]


def test_a_job_whose_worker_is_killed_is_lost_and_the_next_runs(address: str) -> None:
    with RayExecutor(RayCluster(address, at_once=1)) as executor:
        executor.submit(hanging("hanging"))
        pids = pids_of(executor)
        for worker in processes("ray::JobActor"):
            os.kill(worker, signal.SIGKILL)
        events = run(executor, report("next"))
    assert Ended("hanging", None, LOST) in events
    assert Ended("next", 0) in events
    assert gone(pids, SECONDS)


def test_a_job_sees_a_gpu_for_each_of_its_ranks_and_shares_one_only_where_that_is_asked_for(
    address: str,
) -> None:
    for gpus, ranks, seen in ((0.5, 1, 1), (1, 2, 2)):
        job = Job("a", "tests.execution.jobs:say", gpu=True, gpus=ranks)
        with RayExecutor(RayCluster(address, gpus=gpus)) as executor:
            events = run(executor, job)
        [said] = [event.payload["gpu"].split(",") for event in events if isinstance(event, Message)]
        assert len({*said} & {"0", "1"}) == seen


def test_a_cluster_that_does_not_answer_is_told_in_a_line() -> None:
    with RayExecutor(RayCluster("127.0.0.1:9")) as executor, pytest.raises(RunFailed, match="Ray"):
        run(executor, report("never"))


PARENT = """
import sys
sys.path.insert(0, {here!r})
from sweepboard.execution import Job
from sweepboard.execution.ray import RayCluster, RayExecutor
with RayExecutor(RayCluster()) as executor:
    executor.submit(Job("a", "jobs:hang_and_note", {{"file": {file!r}}}))
    print(executor._process.pid, flush=True)
    while executor.busy:
        executor.poll()
"""


@pytest.mark.parametrize("killed", ["parent", "driver"])
def test_nothing_outlives_a_parent_that_is_killed(tmp_path: Path, killed: str) -> None:
    program = PARENT.format(here=str(Path(__file__).parent), file=str(tmp_path / "pids"))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        keeper = int(parent.stdout.readline())
        while not (tmp_path / "pids").is_file() or not (tmp_path / "pids").read_text():
            assert parent.poll() is None
            time.sleep(0.05)
        driver, *family = descendants(keeper)
        os.kill({"parent": parent.pid, "driver": driver}[killed], signal.SIGKILL)
        parent.wait()
    family += map(int, (tmp_path / "pids").read_text().split())
    assert len(family) > 5
    assert gone([keeper, driver, *family], SECONDS), f"alive after the {killed}'s death"
