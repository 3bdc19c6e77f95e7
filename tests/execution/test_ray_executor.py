"""The executor of a Ray cluster: it passes the suite, and nothing outlives its parent, however that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sweepboard.errors import RunFailed
from sweepboard.execution import LOST, Ended, Executor, Job, Message
from sweepboard.execution.ray import RayCluster, RayExecutor
from sweepboard.process_identity import process_started
from sweepboard.testing import ExecutorSuite

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="needs pip install 'sweepboard[ray]'"),
]

CLUSTER = """
import os, sys, tempfile
from pathlib import Path
from sweepboard.descendants import adopt_orphans, end_descendants
from sweepboard.execution.ray.cluster import RayCluster
from sweepboard.execution.ray.driver_process import connect
adopt_orphans()
with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
    connect(RayCluster(), Path(folder))
    import ray
    print(ray.get_runtime_context().gcs_address, os.environ["RAY_AUTH_TOKEN"], flush=True)
    sys.stdin.read()
    end_descendants()
os._exit(0)
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, str]]:
    """Address and token of a cluster that the tests of this file share."""
    command = [sys.executable, "-c", CLUSTER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as keeper:
        assert keeper.stdout is not None
        address, token = keeper.stdout.readline().split()
        yield address, token
        keeper.communicate()


@pytest.fixture(autouse=True)
def address(cluster: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The cluster's address, with whose token this process may connect."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", cluster[1])
    return cluster[0]


class TestConformance(ExecutorSuite):
    """The suite that every backend passes."""

    @pytest.fixture(autouse=True)
    def _at(self, address: str) -> None:
        self.address = address

    def executor(self, jobs: int, grace: float) -> Executor:
        return RayExecutor(RayCluster(self.address, at_once=jobs), grace=grace)


def pids_of(executor: Executor) -> list[int]:
    """The processes of the first job that sends them."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for event in executor.poll():
            if isinstance(event, Message):
                pids: list[int] = event.payload["pids"]
                return pids
    raise AssertionError("no job has sent its processes")


def gone(pids: list[int], seconds: float = 20.0) -> bool:
    """Whether all these processes have ended within so many seconds."""
    deadline = time.monotonic() + seconds
    while any(process_started(pid) is not None for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def run(executor: Executor, *jobs: Job) -> list[Any]:
    for job in jobs:
        executor.submit(job)
    events = []
    while executor.busy:
        events += executor.poll()
    return events


def hanging(name: str) -> Job:
    return Job(name, "sweepboard.testing.executor_jobs:hang")


def report(name: str) -> Job:
    return Job(name, "sweepboard.testing.executor_jobs:report")


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
    assert gone(pids)


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
        driver, *family = tree_below(keeper)
        os.kill({"parent": parent.pid, "driver": driver}[killed], signal.SIGKILL)
        parent.wait()
    family += map(int, (tmp_path / "pids").read_text().split())
    assert len(family) > 5
    assert gone([keeper, driver, *family]), f"alive after the {killed}'s death"


def tree_below(pid: int) -> list[int]:
    from sweepboard.descendants import descendants

    return [*descendants(pid)]
