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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Sample: TypeAlias = dict[str, float]
"""What one run of an arm gave: `wall` and `cpu` in seconds, `memory` in MiB, and what it says of itself."""

ROOT = Path(__file__).resolve().parents[1]
GRACE = 10.0
"""Seconds that processes which outlive their command are given to end."""

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h


class CommandFailed(RuntimeError):
    """A command of an arm that did not exit with 0; the message holds the end of what it printed."""


def run(command: Sequence[str], folder: Path, watch: bool = False) -> Sample:
    """Run `command` in `folder` with its output in `<folder>/output.txt`.

    `cpu` counts every descendant, also those that outlive the command; `memory` is the largest resident size
    of any one process. With `watch`, `tree` is the largest sum of proportional sizes (PSS) over all its
    processes at once, in MiB, which counts shared pages once; looking costs the command a little time.
    Facts are the numbers in the lines of JSON that the command printed; a fact that ends in `_at` is a time
    of day and is turned into seconds since the start.
    """
    _adopt_orphans()
    output = folder / "output.txt"
    before, started = time.perf_counter(), time.time()
    pid = _start(command, folder, output)
    tree, status, usage = _wait(pid, watch)
    wall = time.perf_counter() - before
    cpu, memory = _reap_orphans(pid, usage)
    if status:
        tail = output.read_text(errors="replace")[-2000:]
        code = os.waitstatus_to_exitcode(status)
        raise CommandFailed(f"exit code {code}: {' '.join(command)}\n{tail}")
    sample = {"wall": wall, "cpu": cpu, "memory": memory / 1024} | ({"tree": tree} if watch else {})
    return sample | _facts(output, started)


def _start(command: Sequence[str], folder: Path, output: Path) -> int:
    """Start a command as the leader of a new session; returns its process number."""
    with output.open("ab") as sink:
        files: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": sink, "stderr": sink}
        process = subprocess.Popen(command, cwd=folder, env=_environment(), start_new_session=True, **files)
    process.returncode = 0  # it is waited for here, not by the object
    return process.pid


def _wait(pid: int, watch: bool) -> tuple[float, int, resource.struct_rusage]:
    """The largest memory of the session (0 unless watched), the wait status, and what was used."""
    try:
        tree = _watch_memory(pid) if watch else 0.0
        _, status, usage = os.wait4(pid, 0)
    except BaseException:  # stopped meanwhile: nothing goes on behind the user's back
        os.killpg(pid, signal.SIGKILL)
        raise
    return tree, status, usage


def _environment() -> Mapping[str, str]:
    """Ours, with the repository on Python's path so that `benchmarks` is found from any folder."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


def _adopt_orphans() -> None:
    """Become the parent of whatever a command leaves behind, so that its processor time is counted."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def _reap_orphans(session: int, usage: resource.struct_rusage) -> tuple[float, float]:
    """Processor seconds of the command with all its orphans, and the largest resident size (KiB)."""
    usages = [usage]
    deadline = time.monotonic() + GRACE
    while orphans := _members(session):
        for pid in orphans:
            with contextlib.suppress(ChildProcessError):  # an orphan's child, which its parent waits for
                usages += [found for gone, _, found in [os.wait4(pid, os.WNOHANG)] if gone]
        if time.monotonic() > deadline:
            os.killpg(session, signal.SIGKILL)
        time.sleep(0.01)
    return sum(one.ru_utime + one.ru_stime for one in usages), max(one.ru_maxrss for one in usages)


def _watch_memory(session: int) -> float:
    """Largest sum of PSS (MiB) over the processes of a session, looked at until its leader has ended."""
    largest = 0.0
    while os.waitid(os.P_PID, session, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        largest = max(largest, sum(_pss(pid) for pid in _members(session)))
        time.sleep(0.1)
    return largest / 1024


def _members(session: int) -> list[int]:
    """The processes of a session, those that have ended but were not waited for among them."""
    pids = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    return [pid for pid in pids if _session_of(pid) == session]


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _pss(pid: int) -> float:
    """Proportional set size of a process in KiB; 0 when it has just gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) for line in lines if line.startswith("Pss:")), 0.0)


def _facts(output: Path, started: float) -> Sample:
    facts: Sample = {}
    for line in output.read_text(errors="replace").splitlines():
        if line.startswith("{") and line.endswith("}"):
            facts |= {key: float(value) for key, value in json.loads(line).items()}
    return {
        key.removesuffix("_at"): value - started if key.endswith("_at") else value
        for key, value in facts.items()
    }
