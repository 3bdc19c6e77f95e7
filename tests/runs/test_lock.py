"""One writer per folder, among processes: ten at once, one that forks, one that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sweepboard.runs.folder import RunFolder
from sweepboard.runs.lock import FolderLocked, FolderTaken, claimed, only_writer

CLAIM = """
import sys, time
from datetime import datetime
from pathlib import Path
from sweepboard.runs.folder import claim
time.sleep(max(0, float(sys.argv[1]) - time.time()))
print(claim(Path("outputs"), "lr=0.1", datetime(2026, 1, 1)))
"""
HOLD = """
import sys, time
from pathlib import Path
from sweepboard.errors import UserError
from sweepboard.runs.lock import claimed
time.sleep(max(0, float(sys.argv[1]) - time.time()))
try:
    with claimed(Path("run")) as folder:
        time.sleep(3)
        folder.record.write_text("{}")
        print("held")
except UserError as error:
    print(error)
"""


def ten_at_once(code: str, folder: Path) -> dict[int, str]:
    """What ten processes say that do the same at the same moment, by their numbers."""
    moment = str(time.time() + 2)  # by when all have started
    processes = [
        subprocess.Popen([sys.executable, "-c", code, moment], cwd=folder, stdout=subprocess.PIPE, text=True)
        for _ in range(10)
    ]
    return {process.pid: process.communicate(timeout=60)[0].strip() for process in processes}


def test_ten_launches_at_once_get_ten_folders(tmp_path: Path) -> None:
    folders = ten_at_once(CLAIM, tmp_path).values()
    assert len(set(folders)) == 10
    assert all((tmp_path / folder).is_dir() for folder in folders)


def test_of_ten_launches_into_one_folder_one_runs_and_the_others_are_told_who(tmp_path: Path) -> None:
    said = ten_at_once(HOLD, tmp_path)
    (winner,) = [pid for pid, text in said.items() if text == "held"]
    for pid, text in said.items():
        late = text.startswith("run already holds a run")  # on a machine so busy that it came after the end
        assert pid == winner or late or text.startswith(f"run is being written by process {winner} on "), text


def test_a_lock_frees_itself_though_a_child_lives_on(tmp_path: Path) -> None:
    """As a DataLoader worker, or whatever the user's code has started, may."""
    folder = RunFolder(tmp_path)
    ready, tell = os.pipe()
    parent = os.fork()
    if parent == 0:
        with only_writer(folder):
            if os.fork() == 0:
                os.write(tell, str(os.getpid()).encode())
                time.sleep(60)
                os._exit(0)
            time.sleep(60)
        os._exit(0)
    child = int(os.read(ready, 20))
    try:
        with pytest.raises(FolderLocked, match=f"process {parent} on "), only_writer(folder):
            pass
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
        os.kill(child, 0)
        with only_writer(folder):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.close(ready)
        os.close(tell)


@pytest.mark.parametrize("name", ["events.out.tfevents.1.host", "checkpoints", "run.json"])
def test_a_folder_that_holds_something_is_not_taken(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir() if name == "checkpoints" else (tmp_path / name).touch()
    with pytest.raises(FolderTaken, match="name another folder"), claimed(tmp_path):
        pass
