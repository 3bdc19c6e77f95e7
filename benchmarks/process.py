"""Run a command as a fresh process and say what it took: time, processor time, memory."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

Sample: TypeAlias = dict[str, float]
"""What one run of an arm gave: `wall` and `cpu` in seconds, `memory` in MiB, and what it says of itself."""

ROOT = Path(__file__).resolve().parents[1]
LOGS = ("outputs/sweeps/*/*/train.log", "outputs/sweeps/*/.submitit/*/*.out")
"""Where the jobs of a sweep print."""

GRACE = 10.0
"""Seconds that processes which outlive their command are given to end."""

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h


class CommandFailed(RuntimeError):
    """A command of an arm that did not exit with 0; the message holds the end of what it printed."""


def run(command: Sequence[str], folder: Path, watch: bool = False) -> Sample:
    """Run `command` in `folder` with its output in `<folder>/output.txt`.

    `cpu` counts every descendant, also those that outlive the command; `memory` is the largest resident size
    of any one process. With `watch`, `added` is the most memory (MiB) that any job which the command's server
    forked wrote to and has for itself: what one more job adds. Looking costs the command a little time.
    Facts are the numbers in the lines of JSON that the command or its jobs printed, of several jobs the
    smallest; a fact that ends in `_at` is a time of day and is turned into seconds since the start.
    """
    _adopt_orphans()
    others = _children(os.getpid())
    started = start(command, folder)
    added, status, usage = _wait(started.pid, watch)
    wall = time.perf_counter() - started.clock
    usages = [usage, *_reap_orphans(others)]
    return _sample(started, wall, status, usages) | ({"added": added} if watch else {})


@dataclass(frozen=True)
class Started:
    """A command that runs."""

    command: Sequence[str]
    folder: Path
    pid: int
    clock: float
    """When it was started, by `time.perf_counter`."""

    moment: float
    """The same as a time of day."""

    @property
    def output(self) -> Path:
        """What it printed."""
        return self.folder / "output.txt"


def start(
    command: Sequence[str], folder: Path, variables: Mapping[str, str] = MappingProxyType({})
) -> Started:
    """Start a command in `folder`, with more `variables` in its environment."""
    clock, moment = time.perf_counter(), time.time()
    with (folder / "output.txt").open("ab") as sink:
        files: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": sink, "stderr": sink}
        process = subprocess.Popen(command, cwd=folder, env={**_environment(), **variables}, **files)
    process.returncode = 0  # it is waited for here, not by the object
    return Started(command, folder, process.pid, clock, moment)


def wait(started: Started) -> Sample:
    """Wait for a command that leaves nothing behind; returns what `run` does."""
    _, status, usage = os.wait4(started.pid, 0)
    return _sample(started, time.perf_counter() - started.clock, status, [usage])


def has_ended(started: Started) -> bool:
    """Whether a command has ended; it is still to be waited for."""
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, started.pid, options) is not None


def end(started: Iterable[Started]) -> None:
    """End commands at once, also those that were waited for."""
    for one in started:
        _kill([one.pid])
        with contextlib.suppress(ChildProcessError):
            os.waitpid(one.pid, 0)


def _sample(started: Started, wall: float, status: int, usages: Sequence[resource.struct_rusage]) -> Sample:
    if status:
        tail = started.output.read_text(errors="replace")[-2000:]
        code = os.waitstatus_to_exitcode(status)
        raise CommandFailed(f"exit code {code}: {' '.join(started.command)}\n{tail}")
    cpu = sum(one.ru_utime + one.ru_stime for one in usages)
    sample = {"wall": wall, "cpu": cpu, "memory": max(one.ru_maxrss for one in usages) / 1024}
    logs = [log for pattern in LOGS for log in started.folder.glob(pattern)]
    return sample | _facts([started.output, *logs], started.moment)


def _wait(pid: int, watch: bool) -> tuple[float, int, resource.struct_rusage]:
    """What a process below this one added (0 unless watched), the wait status, and what was used."""
    try:
        added = _watch_memory(pid) if watch else 0.0
        _, status, usage = os.wait4(pid, 0)
    except BaseException:  # stopped meanwhile: nothing goes on behind the user's back
        _kill([pid, *_descendants(pid)])
        raise
    return added, status, usage


def _environment() -> dict[str, str]:
    """Ours, with the repository on Python's path so that `benchmarks` is found from any folder.

    Bytecode is kept, as pip does it for installed packages: else the arm with more files in the repository
    would compile them in each process.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPATH": str(ROOT)}


def _adopt_orphans() -> None:
    """Become the parent of whatever a command leaves behind, so that its processor time is counted."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def _reap_orphans(others: set[int]) -> list[resource.struct_rusage]:
    """What was used by processes that became our children; `others` were ours before."""
    usages = []
    deadline = time.monotonic() + GRACE
    while orphans := _children(os.getpid()) - others:
        if time.monotonic() > deadline:
            _kill([*orphans, *(pid for orphan in orphans for pid in _descendants(orphan))])
        waited = [os.wait4(pid, os.WNOHANG) for pid in orphans]
        usages += [usage for pid, _, usage in waited if pid]
        time.sleep(0.01)
    return usages


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _watch_memory(pid: int) -> float:
    """Most private memory (MiB) of any grandchild of `pid`, looked at until `pid` has ended.

    The jobs of a sweep are that; its children are the server that forks them and Python's resource tracker.
    """
    most = 0.0
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        jobs = (job for child in _children(pid) for job in _descendants(child))
        most = max([most, *map(_private, jobs)])
        time.sleep(0.1)
    return most / 1024


def _descendants(pid: int) -> Iterator[int]:
    for child in _children(pid):
        yield child
        yield from _descendants(child)


def _children(pid: int) -> set[int]:
    """The children of a process, those that have ended but were not waited for among them (Linux only)."""
    children: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it has just gone
            children |= {int(word) for word in task.read_text().split()}
    return children


def _private(pid: int) -> float:
    """What a process wrote to and shares with none, in KiB; 0 when it has just gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) for line in lines if line.startswith("Private_Dirty:")), 0.0)


def _facts(outputs: Sequence[Path], started: float) -> Sample:
    facts: Sample = {}
    for line in (line for output in outputs for line in output.read_text(errors="replace").splitlines()):
        if line.startswith("{") and line.endswith("}"):
            for key, value in json.loads(line).items():
                facts[key] = min(float(value), facts.get(key, float(value)))
    return {
        key.removesuffix("_at"): value - started if key.endswith("_at") else value
        for key, value in facts.items()
    }
