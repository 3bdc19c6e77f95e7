"""`run.json`: the status of a run, readable at any moment and true after any end."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sweepboard.compose.plain_types import built, check_plain
from sweepboard.errors import UserError, reason
from sweepboard.files import read_json, write_json
from sweepboard.runs.folder import RunFolder
from sweepboard.secrets import without_known
from sweepboard.training.ending import INTERRUPTED

RUNNING = "running"
"""The status of a run that has not ended; `training.ending` has the others."""


class DamagedRecord(UserError):
    """A run.json that cannot be read."""


@dataclass
class _Accepted:
    """An entry of `RunRecord.changed`, as it is checked."""

    when: float
    step: int
    differences: list[str]
    data_fingerprint: str
    samples: dict[str, int]
    classes: list[str]
    sources: dict[str, str]


@dataclass
class RunRecord:
    """What a run says of itself. Times are seconds since 1970 (UTC)."""

    id: str = ""
    """Drawn when it starts: by it a checkpoint is known as this run's own."""

    status: str = RUNNING
    reason: str | None = None
    """Why it is not finished, in one line."""

    seed: int = 0
    groups: dict[str, str] = field(default_factory=dict)
    """The chosen option of each config group; a class where it took the place of the option's own."""

    overrides: list[str] = field(default_factory=list)
    """What was typed on top of the defaults."""

    interpolations: dict[str, str] = field(default_factory=dict)
    """Keys of config.yaml whose value follows another key's."""

    swept: list[str] = field(default_factory=list)
    """In a sweep, the keys in which its jobs differ: the columns of their HParams table."""

    number: int = 0
    """Its place in its sweep, `${hydra:job.num}`."""

    command: str = ""
    parent: str | None = None
    """The run this one is a rerun of."""

    pid: int = 0
    process_started: float | None = None
    """When the process `pid` began, since numbers of processes are used again."""

    host: str = ""
    started: float = 0.0
    ended: float | None = None
    seconds: float = 0.0
    """Time spent in training, over all attempts."""

    attempts: int = 1
    """How often it was started or resumed."""

    step: int = 0
    checkpointed: bool = False
    """Whether a state to resume from (checkpoints/last.pt) was ever saved."""

    total_steps: int = 0
    epoch: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    """The last value of each validation and test metric, tags as on the board."""

    tests: list[dict[str, Any]] = field(default_factory=list)
    """What `sweepboard test` measured later, each with its time and step."""

    best: dict[str, float] = field(default_factory=dict)
    """The best value of each validation metric."""

    modes: dict[str, str] = field(default_factory=dict)
    """Whether `min` or `max` of each metric of the task is better."""

    best_steps: dict[str, int] = field(default_factory=dict)
    """The step at which each of them was reached. Test metrics are those of the last weights."""

    primary_metric: str | None = None
    """The metric of `best` by which this run is judged."""

    data_fingerprint: str = ""
    """Digest of the samples and the split, as the run began with them."""

    data_content: str = ""
    """Digest of the samples alone, the same for every seed; empty where the data set cannot say."""

    samples: dict[str, int] = field(default_factory=dict)
    """Samples of each part of the data set, as the run began."""

    classes: list[str] = field(default_factory=list)
    """Names of the classes in the order of the model's outputs, where the data set names them."""

    changed: list[dict[str, Any]] = field(default_factory=list)
    """What was no longer as the run began, and accepted, when it was resumed: each time the step, what
    differed in words, and the values of `data_fingerprint`, `samples`, `classes`, `sources` from then on."""

    weights_sha256: str | None = None
    """Digest of the final weights."""

    signature: str | None = None
    """Of config.yaml, `interpolations`, `groups` and `overrides`, by this user's own key."""

    sweepboard: str = ""
    """Version that wrote this."""

    def start(self) -> None:
        """Enter the process that now works on the run."""
        self.status, self.reason, self.ended = RUNNING, None, None
        self.pid, self.host = os.getpid(), socket.gethostname()
        self.process_started = process_started(self.pid)
        self.started = self.started or time.time()

    def end(self, status: str, reason: str | None = None) -> None:
        """Enter how it ended."""
        self.status, self.ended = status, time.time()
        self.reason = without_known(reason) if reason else reason

    def write(self, folder: RunFolder) -> None:
        """Replace the folder's run.json."""
        write_json(folder.record, asdict(self))

    def latest(self, name: str, first: Any) -> Any:
        """What was accepted last of `name` when the run was resumed; `first` where nothing was."""
        accepted = [change[name] for change in self.changed if name in change]
        return accepted[-1] if accepted else first

    @property
    def accepted_changes(self) -> list[str]:
        """What was accepted when the run was resumed, each time in one line."""
        return [f"{', '.join(change['differences'])}, from step {change['step']}" for change in self.changed]

    @property
    def true_status(self) -> str:
        """`status`, but `interrupted` where the process that should be running is gone from this host."""
        if self.status == RUNNING and self.host == socket.gethostname() and not self._process_lives():
            return INTERRUPTED
        return self.status

    def _process_lives(self) -> bool:
        started = process_started(self.pid)
        return started is not None and self.process_started in (None, started)


def read_record(folder: RunFolder) -> RunRecord:
    """The record of a run, every value of the type it should have. Unknown keys of a later version are left
    out. Raises `DamagedRecord`."""
    try:
        record = built(RunRecord, read_json(folder.record))
        check_plain(list[_Accepted], record.changed, "changed")
        return record
    except (OSError, ValueError) as error:
        raise DamagedRecord(f"{folder.record} cannot be read: {reason(error)}") from error


def process_started(pid: int) -> float | None:
    """When process `pid` of this host began (clock ticks since boot on Linux); None where there is none.

    Elsewhere than on Linux the start is not known: 0.0 stands for any living process.
    """
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            # The second field is the program's name in parentheses and may hold blanks: count after it.
            rest = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if rest[0] == "Z" else float(rest[19])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return 0.0


def as_plain(record: RunRecord) -> dict[str, Any]:
    """The record as a dict for JSON, with the true status."""
    return asdict(record) | {"status": record.true_status}
