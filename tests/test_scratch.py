"""Scratch folders: gone with their block, and those of killed processes with the next one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sweepboard.scratch import NEW, scratch_folder
from tests.command import TINY, Command
from tests.runs.process import Sweepboard

PROGRAM = """
import sys
from pathlib import Path
from sweepboard.scratch import scratch_folder
with scratch_folder("mine-", Path(sys.argv[1])) as folder:
    (folder / "checkpoints").mkdir()
    print(folder, flush=True)
    sys.stdin.read()
"""


def old(path: Path) -> Path:
    """`path` as if it had been made some time ago."""
    os.utime(path, (0, path.lstat().st_mtime - 2 * NEW), follow_symlinks=False)
    return path


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killed,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as living,
    ):
        assert killed.stdout is not None
        assert living.stdout is not None
        left, held = (old(Path(each.stdout.readline().strip())) for each in (killed, living) if each.stdout)
        killed.kill()
        killed.wait()
        others = old(tmp_path / "other-1"), tmp_path / "mine-new", old(tmp_path / "mine-link")
        with scratch_folder("mine-", tmp_path) as folder:
            assert folder.is_dir()
            assert not left.exists()
            assert all(path.exists() for path in (held, *others))
        assert not folder.exists()
        living.communicate()
    assert not held.exists()


@pytest.mark.slow
def test_what_a_killed_verify_left_is_removed_by_the_next(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr("tempfile.tempdir", None)
    command(*TINY, "dataset=gaussian", "hydra.run.dir=run")
    verify = Sweepboard(Path.cwd(), "verify", "run")
    verify.wait_for(lambda: any(scratch.glob("sweepboard-verify-*/*/*")))
    verify.kill()
    (left,) = scratch.glob("sweepboard-verify-*")
    old(left)
    command("verify", "run")
    assert not list(scratch.glob("sweepboard-verify-*"))


@pytest.fixture(autouse=True)
def _others(tmp_path: Path) -> None:
    (tmp_path / "other-1").mkdir()
    (tmp_path / "mine-new").mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / "mine-link").symlink_to(tmp_path / "target")
