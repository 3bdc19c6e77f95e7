"""The folder of a job array: what its tasks run, what they report, what they are told.

    <launcher's folder>/<number>/
      batch.json            the jobs of each task, and what they need
      script.sh             what Slurm runs
      array                 the id of the array, once Slurm has it
      <task>.events         lines of JSON, appended by the task
      <task>.commands       lines of JSON, appended by the executor
      <task>.log            what the task printed

Files are the only way between the executor and a task: they survive both, and need no open port.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

from sweepboard.execution.executor import Job, Payload
from sweepboard.files import read_json, read_text, write_atomic, write_json

SECRETS = "SWEEPBOARD_SECRETS"
"""The environment variable with the secrets of a batch's jobs by name: they are in no file."""


@dataclass(frozen=True)
class Batch:
    """The folder of one job array."""

    path: Path

    @staticmethod
    def new(root: Path) -> Batch:
        """Create the folder of another array below `root`."""
        root.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            with suppress(FileExistsError):
                path = root.resolve() / f"{number:03d}"
                path.mkdir()
                return Batch(path)
        raise AssertionError("unreachable: count() does not end")

    @staticmethod
    def all_in(root: Path) -> list[Batch]:
        """Return the arrays that were submitted from `root`, in order."""
        found = root.resolve().glob("*/array")
        return [Batch(path.parent) for path in sorted(found) if path.parent.name.isdecimal()]

    def write(self, tasks: Sequence[Sequence[Job]], preload: Sequence[str], how: Mapping[str, Any]) -> None:
        """Write the jobs of each task, without their secrets, and create the files that are appended to.

        `how` is what `allocation.run` needs to know. What is there from the start need not be waited for: a
        network file system remembers for a while what was not there.
        """
        jobs = [[{**asdict(job), "secrets": {}} for job in task] for task in tasks]
        write_json(self.path / "batch.json", {"tasks": jobs, "preload": list(preload), **how})
        for index in range(len(tasks)):
            for path in (self.events(index), self.commands(index), self.log(index)):
                path.touch()

    def read(self) -> dict[str, Any]:
        """Return what `write` wrote."""
        content: dict[str, Any] = read_json(self.path / "batch.json")
        return content

    def jobs(self) -> list[list[Job]]:
        """Return the jobs of each task."""
        return [[Job(**job) for job in task] for task in self.read()["tasks"]]

    @property
    def array(self) -> str:
        """The id of the array; empty while Slurm has not got it."""
        path = self.path / "array"
        return read_text(path).strip() if path.is_file() else ""

    def submitted(self, array: str) -> None:
        """Note the id of the array."""
        write_atomic(self.path / "array", f"{array}\n")

    @property
    def script(self) -> Path:
        """What Slurm runs."""
        return self.path / "script.sh"

    def events(self, task: int) -> Path:
        """Return the file in which a task reports."""
        return self.path / f"{task}.events"

    def commands(self, task: int) -> Path:
        """Return the file with what a task is told."""
        return self.path / f"{task}.commands"

    def log(self, task: int) -> Path:
        """Return the file of what a task prints."""
        return self.path / f"{task}.log"


def append(path: Path, *payloads: Payload) -> None:
    """Append messages to a file that one process writes."""
    with path.open("a") as file:
        file.write("".join(json.dumps(payload) + "\n" for payload in payloads))
        file.flush()
        os.fsync(file.fileno())


@dataclass
class Tail:
    """Read a file that another process, perhaps on another host, appends to."""

    path: Path
    _read: int = 0

    def poll(self) -> list[Payload]:
        """Return the messages that have come since the last call. The last line may still be incomplete."""
        try:
            with self.path.open("rb") as file:  # opened again: a network file system then looks at the server
                file.seek(self._read)
                data = file.read()
        except OSError:  # a stale handle, or a server that is away: the next look will see more
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return list(_messages(whole))


def _messages(lines: bytes) -> Iterator[Payload]:
    for line in lines.splitlines():
        with suppress(ValueError):  # a line that a kill has cut, and another attempt has gone on after
            message = json.loads(line)
            if isinstance(message, dict):
                yield message
