"""The quick end of the process: nothing that belongs to an end is left out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from sweepboard.cli.exit import run_and_leave

def main():
    import atexit, sys, threading, time
    import torch
    global left_open, never_taken_down
    left_open = open("left_open.txt", "w")
    left_open.write("kept")
    class Witness:
        def __del__(self):
            print("taken down")
    never_taken_down = Witness()
    atexit.register(lambda: print("handler"))
    threading.Thread(target=lambda: (time.sleep(0.3), print("thread"))).start()
    sys.stdout.write("no end of line ")
    {end}

run_and_leave(main)
"""


def leave(folder: Path, end: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM.format(end=end)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("code", [0, 1, 2, 130])
def test_threads_handlers_and_open_files_come_to_their_end(tmp_path: Path, code: int) -> None:
    done = leave(tmp_path, f"return {code}")
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout == "no end of line thread\nhandler\n"
    assert (tmp_path / "left_open.txt").read_text() == "kept"


@pytest.mark.parametrize(("end", "code"), [("sys.exit(3)", 3), ("raise RuntimeError('a bug')", 1)])
def test_what_main_raises_ends_the_process_as_ever(tmp_path: Path, end: str, code: int) -> None:
    done = leave(tmp_path, end)
    assert done.returncode == code
    assert "handler\ntaken down\n" in done.stdout
    assert ("a bug" in done.stderr) == (code == 1)


def test_a_reader_that_has_gone_is_no_trouble(tmp_path: Path) -> None:
    line = "import os; os.close(1); return 5"
    assert leave(tmp_path, line).returncode == 5
