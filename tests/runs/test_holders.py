"""One writer of a folder where the file system has no locks, or only those of one host."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sweepboard import file_locks
from sweepboard.runs import lock
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.lock import FolderLocked, only_writer
from tests.command import TINY, Command

LOCK = """
import errno, fcntl, os, sys
from pathlib import Path
from sweepboard.errors import UserError
def refused(*_):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
fcntl.flock = refused
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.lock import only_writer
sys.stdin.readline()
try:
    with only_writer(RunFolder(Path(sys.argv[1]))):
        print("held", flush=True)
        sys.stdin.readline()
except UserError as error:
    print(error, flush=True)
"""


@pytest.fixture(params=[errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def _no_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refused)


@pytest.fixture(autouse=True)
def _nothing_was_told() -> Iterator[None]:
    lock._tell_once.cache_clear()
    yield
    lock._tell_once.cache_clear()


def processes(count: int, *words: str) -> list[subprocess.Popen[str]]:
    command = [*words, sys.executable, "-c", LOCK]
    return [
        subprocess.Popen([*command, "run"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]


def says(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.usefixtures("_no_locks")
def test_without_locks_a_folder_has_one_writer_and_that_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run").mkdir()
    folder = RunFolder(tmp_path / "run")
    with only_writer(folder):
        with pytest.raises(FolderLocked, match=f"process {os.getpid()} on ") as caught, only_writer(folder):
            pass
        assert "last heard" not in str(caught.value)  # it lives, as one sees
    with only_writer(folder):
        pass
    assert [record.message.startswith(f"{tmp_path}: the file system") for record in caplog.records] == [True]


def test_of_many_processes_one_holds_and_one_that_is_killed_holds_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    with ExitStack() as stack:
        started = [stack.enter_context(process) for process in processes(5)]
        for _ in range(2):  # the second time they find the file of the one that was killed
            for process in started:
                go(process)
            said = {process: says(process) for process in started}
            [holder] = [process for process, text in said.items() if text == "held"]
            assert all(f"process {holder.pid} on " in text for text in said.values() if text != "held")
            holder.kill()
            holder.wait()
            for process in started:
                process.wait()
            started = [stack.enter_context(process) for process in processes(3)]
        for process in started:
            process.kill()


def holder_of(folder: RunFolder) -> dict[str, Any]:
    """The content of the only file, as of a process that was killed."""
    with only_writer(folder):
        found: dict[str, Any] = json.loads((folder.holders / "1").read_text())
    return found


@pytest.mark.usefixtures("_no_locks")
@pytest.mark.parametrize("other", ["host", "boot", "pid_namespace"])
def test_a_process_that_cannot_be_seen_is_never_called_dead(tmp_path: Path, other: str) -> None:
    folder = RunFolder(tmp_path)
    content = holder_of(folder)
    content["process"] |= {"pid": 2**22 + 1, other: "elsewhere"}
    (folder.holders / "1").write_text(json.dumps(content))
    os.utime(folder.lock, (0, 0))
    folder.record.touch()
    with (
        pytest.raises(FolderLocked, match=r"last heard of [0-9]+s ago .*remove") as caught,
        only_writer(folder),
    ):
        pass
    assert str(folder.holders) in str(caught.value)
    shutil.rmtree(folder.holders)
    with only_writer(folder):
        pass


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare")
def test_a_container_of_the_same_host_name_is_not_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process ids mean other processes here."""
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    inside = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*inside, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system allows no pid namespace")
    [contained, *_], [outside] = processes(1, *inside), processes(1)
    with contained, outside:
        for process, expected in ((contained, "held"), (outside, "last heard of")):
            go(process)
            assert expected in says(process)
        go(contained)


@pytest.mark.parametrize(
    ("mount", "local"),
    [
        ("nfs4 server:/home rw,vers=4.2,local_lock=none", False),
        ("nfs server:/home rw,vers=3,nolock,local_lock=all", True),
        ("nfs server:/home rw,vers=3,local_lock=flock", True),
        ("nfs server:/home rw,vers=3,local_lock=posix", False),
        ("lustre mds@tcp:/scratch rw,flock", False),
        ("lustre mds@tcp:/scratch rw,localflock", True),
        ("beegfs beegfs_nodev rw", True),
        ("ext4 /dev/sda1 rw", False),
    ],
)
def test_locks_of_one_host_alone_are_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mount: str, local: bool
) -> None:
    device = tmp_path.stat().st_dev
    mounts = tmp_path / "mountinfo"
    numbers = f"{os.major(device)}:{os.minor(device)}"
    mounts.write_text(f"1 0 0:1 / / rw - proc proc rw\n2 1 {numbers} / {tmp_path} rw shared:1 - {mount}\n")
    monkeypatch.setattr(file_locks, "MOUNTS", mounts)
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    with only_writer(folder):
        assert folder.holders.exists() == local


@pytest.mark.parametrize("kind", ["", "hydra/sweeper=optuna"])
def test_a_new_sweep_may_be_held_by_files(
    command: Command, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The files that hold its folder, and those that NFS keeps of deleted ones, are no strangers there."""
    monkeypatch.setattr(lock, "locks_only_here", lambda _: True)
    Path("outputs/sweeps/s").mkdir(parents=True)
    Path("outputs/sweeps/s/.nfs0001").touch()
    words = [kind, "hydra.sweeper.trials=1"] if kind else []
    lr = "interval(0.01,0.1)" if kind else "0.1"
    command("-m", *TINY, "sweep.name=s", f"optimizer.lr={lr}", *words)
    assert json.loads(Path("outputs/sweeps/s/.held/1").read_text())["released"]
