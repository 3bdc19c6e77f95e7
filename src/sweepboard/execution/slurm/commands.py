"""Call Slurm's own commands: sbatch, squeue, scancel, scontrol."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sweepboard.errors import UserError

ENDED = frozenset(
    (
        *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED"),
        *("NODE_FAIL", "OUT_OF_MEMORY", "REVOKED", "TIMEOUT"),
    )
)
"""States of a task that will not run again. PREEMPTED and REQUEUED may come back, or else vanish."""

_OF_AN_ALLOCATION = "SLURM_"
_OF_THE_SITE = ("SLURM_CONF", "SLURM_JWT", "SLURM_CLUSTERS")
_PATIENCE = 60.0


class SlurmError(UserError):
    """A command of Slurm's that failed."""


@dataclass(frozen=True)
class TaskState:
    """An element of a job array in Slurm's queue."""

    name: str
    """`<array's id>_<index>`."""

    state: str
    comment: str


@dataclass(frozen=True)
class Ending:
    """How a task has ended, as Slurm tells it."""

    state: str
    signum: int = 0
    """The signal that its script died of; 0 for none."""

    restarts: int = 0
    """How often it had been requeued."""

    def __str__(self) -> str:
        return f"{self.state} by {signal.Signals(self.signum).name}" if self.signum else self.state


def submit(options: Sequence[str], script: str, environment: Mapping[str, str]) -> str:
    """Submit the file `script`, with more variables. Return the id of the array. Raise `SlurmError`."""
    told = call("sbatch", "--parsable", *options, script, environment=environment)
    return told.partition(";")[0].strip()


def check(options: Sequence[str]) -> None:
    """Raise `SlurmError` if Slurm would refuse a job with these options."""
    call("sbatch", "--test-only", *options, "--wrap=true")


def refuse_absent() -> None:
    """Raise `SlurmError` if there is no Slurm here."""
    if shutil.which("sbatch") is None:
        raise _absent("sbatch")


def queue(patience: float = _PATIENCE) -> dict[str, TaskState]:
    """Return this user's tasks by name, those that ended some minutes ago included. Raise `SlurmError`."""
    uid = str(os.getuid())
    told = call(
        "squeue",
        "--noheader",
        "--array",
        "--states=all",
        f"--user={uid}",
        "--format=%F_%K|%T|%k",
        patience=patience,
    )
    fields = (line.strip().split("|", 2) for line in told.splitlines() if line.count("|") >= 2)
    return {name: TaskState(name, state, comment) for name, state, comment in fields}


def ending(name: str, state: str) -> Ending:
    """Return how a task has ended that `queue` knows as `state`; no more if it is forgotten."""
    try:
        told = call("scontrol", "--oneliner", "show", "job", name)
    except SlurmError:
        return Ending(state)
    found = (re.search(pattern, told) for pattern in (r"\bExitCode=\d+:(\d+)", r"\bRestarts=(\d+)"))
    return Ending(state, *(int(match[1]) if match else 0 for match in found))


def cancel(tasks: Iterable[str], kill: bool = False) -> None:
    """End tasks: SIGTERM, and SIGKILL after the site's `KillWait`; with `kill`, at once."""
    names = list(tasks)
    if names and kill:  # waiting tasks get no signal
        _quietly("scancel", "--signal=KILL", "--batch", *names)
    if names:
        _quietly("scancel", *names)


def requeue_this() -> bool:
    """Put this allocation back into the queue, which ends it. Return whether Slurm does so."""
    return _quietly("scontrol", "requeue", os.environ.get("SLURM_JOB_ID", ""))


def most_tasks() -> int:
    """Return the number of elements that an array may have here."""
    told = call("scontrol", "show", "config")
    found = [line.partition("=")[2].strip() for line in told.splitlines() if line.startswith("MaxArraySize")]
    return max(1, int(found[0]) - 1) if found and found[0].isdecimal() else 1000


def call(
    *words: str, environment: Mapping[str, str] = MappingProxyType({}), patience: float = _PATIENCE
) -> str:
    """Run one of Slurm's commands. Return what it printed. Raise `SlurmError`."""
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=patience,
            env={**_environment(), **environment},
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError as error:
        raise _absent(words[0]) from error
    except subprocess.TimeoutExpired as error:
        raise SlurmError(f"hydra/launcher=slurm: {words[0]} does not answer") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"{words[0]} ended with code {done.returncode}"]
        raise SlurmError(f"hydra/launcher=slurm: {' '.join(lines)}")
    return done.stdout


def _absent(word: str) -> SlurmError:
    return SlurmError(
        f"hydra/launcher=slurm: there is no {word} here; log in where Slurm is, or add hydra/launcher=local"
    )


def _quietly(*words: str) -> bool:
    """Run a command whose failure changes nothing: the task has ended already, or will be asked about."""
    try:
        call(*words)
    except SlurmError:
        return False
    return True


def _environment() -> dict[str, str]:
    """Return this environment without what an allocation around it has set, which sbatch would pass on."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_OF_AN_ALLOCATION) or name in _OF_THE_SITE
    }
