"""Jobs of the local executor's own tests, beside those of the conformance suite."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from sweepboard.execution import JobChannel
from sweepboard.stop_signals import STOP_SIGNALS
from sweepboard.testing.executor_jobs import hang

Arguments = dict[str, Any]


def say(arguments: Arguments, channel: JobChannel) -> None:
    """Send the GPU and whether torch is loaded."""
    channel.send({"gpu": os.environ.get("CUDA_VISIBLE_DEVICES"), "torch": "torch" in sys.modules})


def note_gpus(arguments: Arguments, channel: JobChannel) -> None:
    """Write the node and the GPUs that each process of a step sees into a file of its own."""
    told = f"{os.environ['SLURMD_NODENAME']} {os.environ.get('CUDA_VISIBLE_DEVICES')}"
    Path(arguments["folder"], f"rank-{os.environ['SLURM_PROCID']}").write_text(told)


def one_leaves(arguments: Arguments, channel: JobChannel) -> None:
    """As the second process of a step, leave with a code; the first would wait for a long time."""
    if os.environ["SLURM_PROCID"] == "1":
        sys.exit(3)
    time.sleep(600)


def digest(arguments: Arguments, channel: JobChannel) -> None:
    """Send the arguments, with the digest of a secret one in its place."""
    arguments = dict(arguments)
    secret = arguments.pop("secrets")["key"]
    channel.send({**arguments, "digest": hashlib.sha256(secret.encode()).hexdigest()})


def eat(arguments: Arguments, channel: JobChannel) -> None:
    """Use so many bytes for a moment."""
    block = bytearray(arguments["bytes"])
    block[:: os.sysconf("SC_PAGE_SIZE")] = b"x" * len(block[:: os.sysconf("SC_PAGE_SIZE")])
    time.sleep(0.2)


class ToFile:
    """Stands in for a channel, where the parent is another program than the test."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def send(self, payload: dict[str, Any]) -> None:
        self._path.write_text(" ".join(map(str, payload["pids"])))


def hang_and_note(arguments: Arguments, channel: JobChannel) -> None:
    """Write the process ids of a job that ignores SIGTERM into a file."""
    hang({"deaf": True}, ToFile(arguments["file"]))  # type: ignore[arg-type]


def share(arguments: Arguments, channel: JobChannel) -> None:
    """Note that one runs, wait until as many as wanted run at once, and leave."""
    folder = Path(arguments["folder"])
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < arguments["together"]:
        time.sleep(0.01)


def until_signal(arguments: Arguments, channel: JobChannel) -> None:
    """Send the process ids of the job and of its server, and leave with 3 at the first signal."""
    default = [
        signal.getsignal(each) in (signal.SIG_DFL, signal.default_int_handler) for each in STOP_SIGNALS
    ]
    assert all(default)
    for signum in STOP_SIGNALS:
        signal.signal(signum, lambda *_: sys.exit(3))
    channel.send({"pids": [os.getpid(), os.getppid()]})
    time.sleep(60)
