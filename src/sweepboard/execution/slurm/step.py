"""Run a job that needs several machines: one step of srun, with a process for each of its ranks.

The process that the local executor has started for the job waits for srun, and hands messages on between the
job's channel and two files of lines: a rank may run on another machine than it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from sweepboard.execution.executor import Job, JobChannel, Payload
from sweepboard.execution.slurm.batch import SECRETS, Tail, append
from sweepboard.import_path import python

_WAIT = 0.1


@dataclass
class FileChannel:
    """A channel of two files, for the rank of a step that reports."""

    sends: Path
    receives: Path
    ended: bool = False
    _tail: Tail = field(init=False)

    def __post_init__(self) -> None:
        self._tail = Tail(self.receives)

    def send(self, payload: Payload) -> None:
        """Send one message."""
        append(self.sends, payload)

    def poll(self) -> list[Payload]:
        """Return the messages that have arrived, without waiting."""
        return self._tail.poll()

    def receive(self) -> list[Payload]:
        """Wait for messages."""
        while not (messages := self.poll()):
            time.sleep(_WAIT)
        return messages


def as_step(job: Job, files: Path) -> Job:
    """Return the job that runs `job`, of several machines; `files` begins the names of its files."""
    ranks = job.gpus
    arguments = {
        "function": job.function,
        "arguments": job.all_arguments,
        "files": str(files),
        "nodes": job.nodes,
        "ranks": ranks,
        "cpus": max(1, job.cores // ranks),
    }
    return replace(job, function=f"{__name__}:run", arguments=arguments, secrets={}, cores=1, gpu=False)


def run(arguments: Mapping[str, Any], channel: JobChannel) -> None:
    """Run the function in `arguments` in every task of a step; exit with the step's code."""
    files = f"{arguments['files']}.{os.environ.get('SLURM_RESTART_COUNT', 0)}"  # each attempt has its own
    outbox, inbox = Path(f"{files}.said"), Path(f"{files}.told")
    for path in (outbox, inbox):
        path.write_text("")
    step = _start(arguments, outbox, inbox)
    signal.signal(signal.SIGTERM, lambda signum, _: step.send_signal(signum))
    said = Tail(outbox)
    while step.poll() is None:
        _hand_on(said, inbox, channel)
        time.sleep(_WAIT)
    _hand_on(said, inbox, channel)
    sys.exit(step.returncode if step.returncode >= 0 else 128 - step.returncode)


def _hand_on(said: Tail, inbox: Path, channel: JobChannel) -> None:
    for payload in said.poll():
        channel.send(payload)
    if told := channel.poll():
        append(inbox, *told)


def _start(arguments: Mapping[str, Any], outbox: Path, inbox: Path) -> subprocess.Popen[bytes]:
    nodes, ranks = arguments["nodes"], arguments["ranks"]
    rest = {name: value for name, value in arguments["arguments"].items() if name != "secrets"}
    start = "from sweepboard.execution.slurm.step import main; main()"
    return subprocess.Popen(
        [
            *("srun", f"--nodes={nodes}", f"--ntasks={ranks}", f"--ntasks-per-node={ranks // nodes}"),
            *(f"--cpus-per-task={arguments['cpus']}", "--kill-on-bad-exit=1"),
            *python(start),
            *(arguments["function"], json.dumps(rest), str(outbox), str(inbox)),
        ],
        env={**os.environ, SECRETS: json.dumps(arguments["arguments"].get("secrets", {}))},
        stdin=subprocess.DEVNULL,
    )


def main() -> None:
    """Call the function that the command line names, as one task of a step."""
    name, text, outbox, inbox = sys.argv[1:]
    module, _, function = name.partition(":")
    secrets = json.loads(os.environ.pop(SECRETS, "{}"))
    arguments = {**json.loads(text), **({"secrets": secrets} if secrets else {})}
    getattr(import_module(module), function)(arguments, FileChannel(Path(outbox), Path(inbox)))
