"""What a process may use of its machine, by the limits of its container, of Slurm and of its environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sweepboard import cgroups, hardware

GIB = 2**30
VARIABLES = ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE", "SLURM_MEM_PER_NODE")


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of 16 cores; the folder is where its control groups are mounted."""
    mount, membership = tmp_path / "cgroup", tmp_path / "membership"
    mount.mkdir()
    monkeypatch.setattr(cgroups, "MOUNT", mount)
    monkeypatch.setattr(cgroups, "MEMBERSHIP", membership)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return mount


def member(*lines: str) -> None:
    cgroups.MEMBERSHIP.write_text("\n".join(lines) + "\n")


def group(folder: Path, **files: str) -> None:
    """Write the files of a control group; `__` in a name is a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


def test_without_limits_there_is_the_whole_machine(machine: Path) -> None:
    assert hardware.cores() == 16
    assert hardware.total_memory() == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    member("0::/user.slice", "4:memory:/user.slice", "1:cpu,cpuacct:/user.slice")
    group(machine / "user.slice", cpu__max="max 100000", memory__max="max", memory__current="5")
    group(machine / "cpu,cpuacct/user.slice", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    unlimited = {"memory__limit_in_bytes": "9223372036854771712", "memory__usage_in_bytes": "5"}
    group(machine / "memory/user.slice", **unlimited)
    assert hardware.cores() == 16
    assert list(cgroups.memory_limits()) == []


def test_limits_of_version_2_hold_for_the_group_and_those_around_it(machine: Path) -> None:
    member("0::/docker/job")
    group(machine / "docker", cpu__max="250000 100000", memory__max="1000", memory__current="900",
          memory__stat="anon 500\ninactive_file 300")  # fmt: skip
    group(machine / "docker/job", cpu__max="400000 100000", memory__max="5000", memory__current="100")
    assert hardware.cores() == 3
    assert hardware.total_memory() == 1000
    assert hardware.available_memory() == 400, "cached files give way"


@pytest.mark.parametrize("folder", ["cpu", "cpu,cpuacct"])
def test_limits_of_version_1(machine: Path, folder: str) -> None:
    member("4:memory:/job", "1:cpu,cpuacct:/job", "0::/")
    group(machine / folder / "job", cpu__cfs_quota_us="50000", cpu__cfs_period_us="100000")
    group(machine / "memory" / "job", memory__limit_in_bytes="1000", memory__usage_in_bytes="900",
          memory__stat="total_inactive_file 300\ninactive_file 1")  # fmt: skip
    assert hardware.cores() == 1
    assert hardware.total_memory() == 1000
    assert hardware.available_memory() == 400


def test_a_container_that_sees_the_path_of_its_host_has_its_own_group_at_the_root(machine: Path) -> None:
    member("4:memory:/docker/0123", "1:cpu:/docker/0123")
    group(machine / "cpu", cpu__cfs_quota_us="200000", cpu__cfs_period_us="100000")
    group(machine / "memory", memory__limit_in_bytes="1000", memory__usage_in_bytes="0")
    assert (hardware.cores(), hardware.total_memory()) == (2, 1000)


def test_version_2_beside_version_1(machine: Path) -> None:
    member("4:memory:/", "0::/job")
    group(machine / "memory")
    group(machine / "unified" / "job", cpu__max="300000 100000", memory__max="1000", memory__current="0")
    assert (hardware.cores(), hardware.total_memory()) == (3, 1000)


def test_a_slurm_task_has_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "8")
    assert hardware.cores() == 8
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")
    assert hardware.cores() == 4
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "1")
    assert hardware.total_memory() == 2**20
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "64")
    assert hardware.cores() == 16, "not more than there are"


def test_a_run_and_a_sweep_see_the_same_machine(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sweepboard.compose.automatic import automatic
    from sweepboard.execution import local_resources

    config = {"device": "cpu", "threads": None, "trainer": {"precision": "fp32", "devices": 1, "nodes": 1}}
    member("0::/job")
    group(machine / "job", cpu__max="300000 100000", memory__max=str(GIB), memory__current="0")
    assert automatic(config)["threads"] == local_resources().cores == 3
    assert local_resources().memory == GIB
    monkeypatch.setenv("OMP_NUM_THREADS", "5")  # the user's own decision
    assert automatic(config)["threads"] == 5
