"""`sweepboard board` as a server of the runs in a folder: for tests, and for pictures."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen


def sweepboard(folder: Path, *words: str) -> None:
    """Run a command in `folder`."""
    command = [sys.executable, "-m", "sweepboard", *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=1800)


@contextmanager
def served_board(folder: Path, *words: str) -> Iterator[str]:
    """Run `sweepboard board` in `folder`; the address that it prints."""
    command = [sys.executable, "-m", "sweepboard", "board", *words]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        found = re.search(r"http://\S+/", server.stdout.readline())
        try:
            assert found is not None
            _wait_for_runs(found[0])
            yield found[0]
        finally:
            server.terminate()


def _wait_for_runs(url: str) -> None:
    """Wait until TensorBoard answers and has read all scalars that it finds at first."""
    seen = b""
    for _ in range(240):
        time.sleep(1)
        with suppress(OSError), urlopen(f"{url}data/plugin/scalars/tags", timeout=30) as answer:
            before, seen = seen, answer.read()
            if seen == before and len(seen) > len(b"{}"):
                return
    raise AssertionError(f"{url} shows no run")
