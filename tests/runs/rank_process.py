"""The ranks of a running command, as processes to signal and to kill."""

from __future__ import annotations

import time
from pathlib import Path

from tests.runs.process import Sweepboard


def children(pid: int) -> list[int]:
    """Living processes that `pid` has started, and that these have started."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, *_ = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if state != "Z":
            parents[int(path.parent.name)] = int(parent)
    found, new = [], [pid]
    while new:
        new = [child for child, parent in parents.items() if parent in new]
        found += new
    return found


def ranks(process: Sweepboard, count: int) -> dict[int, int]:
    """The process ids of ranks 0, 1, ...; waits until there are `count`."""
    found: dict[int, int] = {}

    def all_there() -> bool:
        found.clear()
        found[0] = process.process.pid
        for pid in children(process.process.pid):
            try:
                output = Path(f"/proc/{pid}/fd/1").readlink()
            except OSError:
                continue
            if output.parent.name == "ranks":
                found[int(output.stem)] = pid
        return len(found) == count

    process.wait_for(all_there)
    assert len(found) == count, process.said()
    return found


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_end(pids: list[int], seconds: float) -> None:
    """Wait until none of the processes runs."""
    deadline = time.monotonic() + seconds
    while left := [pid for pid in pids if alive(pid)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)
