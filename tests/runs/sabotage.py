"""Accidents at a chosen update of a run."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

ACCIDENTS: dict[int, Callable[[], object]] = {}
"""What happens just before which update (counted from 1) of each attempt."""


class Sabotaged(torch.optim.Adam):
    """Adam, while things happen around it."""

    def step(self, closure: Any = None) -> Any:
        made = vars(self).setdefault("made", count(1))  # a number would be in the checkpoint
        ACCIDENTS.get(next(made), lambda: None)()
        return super().step(closure)


SABOTAGED = ["optimizer._target_=tests.runs.sabotage.Sabotaged", "~optimizer.fused"]


@contextmanager
def small_disk(folder: Path, kib: int) -> Iterator[Path]:
    """A file system of `kib` KiB at `folder`; skips the test where none may be made."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may not mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path) -> None:
    """Take all space there is, once no checkpoint is being written: its end frees that of an older one."""
    for thread in threading.enumerate():
        if thread.name == "checkpoint":
            thread.join()
    with suppress(OSError), (disk / "fill").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1024))


def free(disk: Path) -> None:
    (disk / "fill").unlink()


def freeze(*folders: Path) -> None:
    """Make folders read-only, for root too; skips the test where that cannot be done."""
    for folder in folders:
        if os.geteuid() != 0:
            folder.chmod(0o555)
        elif subprocess.run(["chattr", "+i", str(folder)], capture_output=True).returncode:
            pytest.skip("this file system has no read-only folders for root")


def thaw(*folders: Path) -> None:
    for folder in folders:
        if os.geteuid() != 0:
            folder.chmod(0o755)
        else:
            subprocess.run(["chattr", "-i", str(folder)], check=True)
