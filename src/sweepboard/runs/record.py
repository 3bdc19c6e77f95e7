"""The record of a run, `run.json`: readable at any moment and true after any end."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sweepboard.compose.plain_types import built, check_plain
from sweepboard.errors import UserError, reason
from sweepboard.files import as_json, read_json, write_json
from sweepboard.process_identity import ProcessIdentity
from sweepboard.runs.folder import RunFolder
from sweepboard.secrets import without_known
from sweepboard.training.ending import INTERRUPTED

RUNNING = "running"
"""The status of a run that has not ended; `training.ending` has the others."""


class DamagedRecord(UserError):
    """A run.json that cannot be read."""


@dataclass
class _Accepted:
    """The types of an entry of `RunRecord.changed`."""

    when: float
    step: int
    differences: list[str]
    data_fingerprint: str
    samples: dict[str, int]
    classes: list[str]
    sources: dict[str, str]
    weights: dict[str, str]


@dataclass
class RunRecord:
    """The record of a run. Times are seconds since 1970 (UTC)."""

    id: str = ""
    """A random id, which the checkpoints of the run hold too."""

    status: str = RUNNING
    reason: str | None = None
    """Why the run did not finish, in one line."""

    seed: int = 0
    groups: dict[str, str] = field(default_factory=dict)
    """The chosen option of each config group; the name of the class if it replaced that of the option."""

    overrides: list[str] = field(default_factory=list)
    """The overrides of the command line."""

    interpolations: dict[str, str] = field(default_factory=dict)
    """Keys of config.yaml whose value is interpolated, with what they refer to."""

    writes_only: list[str] = field(default_factory=list)
    """Keys of the callbacks and loggers that change no result: `callbacks.gradient_norm`."""

    swept: list[str] = field(default_factory=list)
    """In a sweep, the keys in which its jobs differ: the columns of the HParams table."""

    number: int = 0
    """The number of the job in its sweep, `${hydra:job.num}`."""

    command: str = ""
    parent: str | None = None
    """The run this one is a rerun of."""

    pid: int = 0
    process_started: float | None = None
    """When process `pid` started, to recognise a reused pid."""

    host: str = ""
    boot: str = ""
    """The id of the boot of the host."""

    pid_namespace: str = ""
    """The container, as far as process ids are concerned."""

    started: float = 0.0
    ended: float | None = None
    seconds: float = 0.0
    """Time spent in training, over all attempts."""

    attempts: int = 1
    """How often the run was started or resumed."""

    step: int = 0
    checkpointed: bool = False
    """Whether a state to resume from (checkpoints/last.pt) was ever saved."""

    checkpoint_step: int = 0
    """The step of the last checkpoint that was saved."""

    total_steps: int = 0
    epoch: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    """The last value of each validation and test metric, by its tag; `test_best/…` is of the best weights."""

    tests: list[dict[str, Any]] = field(default_factory=list)
    """Results of `sweepboard test`, each with its time and step."""

    best: dict[str, float] = field(default_factory=dict)
    """The best value of each validation metric."""

    modes: dict[str, str] = field(default_factory=dict)
    """Whether a smaller (`min`) or larger (`max`) value of each metric is better."""

    best_steps: dict[str, int] = field(default_factory=dict)
    """The step of each value in `best`."""

    best_step: int | None = None
    """The step of the best weights; None if there are none."""

    primary_metric: str | None = None
    """The metric by which runs are compared."""

    data_fingerprint: str = ""
    """Digest of the samples and the split when the run began."""

    data_content: str = ""
    """Digest of the samples alone, the same for every seed; empty if the data set has none."""

    samples: dict[str, int] = field(default_factory=dict)
    """The number of samples in each split when the run began."""

    stopped: str | None = None
    """Why a run that finished ended before its planned length, if a callback stopped it."""

    callback_tags: dict[str, str] = field(default_factory=dict)
    """The tags that callbacks log, each with the name of the callback."""

    classes: list[str] = field(default_factory=list)
    """The class names in the order of the model's outputs; empty if the data set has none."""

    weights: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the files of weights that the run reads, by the key that names each: `weights.path`."""

    changed: list[dict[str, Any]] = field(default_factory=list)
    """Changes of data and code that were accepted in a resume.

    Each entry has the step, the differences as text, and `data_fingerprint`, `samples`, `classes`, `sources`
    and `weights` from then on.
    """

    tags: list[str] = field(default_factory=list)
    """What its user calls it by (`sweepboard tag`)."""

    note: str = ""
    """What its user wrote down (`sweepboard note`)."""

    weights_sha256: str | None = None
    """Digest of the final weights."""

    signature: str | None = None
    """Signature of config.yaml, `interpolations`, `groups` and `overrides` with the key of the user."""

    config_sha256: str = ""
    """Digest of config.yaml; while it is replaced, those of the present and of the next one."""

    sweepboard: str = ""
    """The version of sweepboard that wrote this record."""

    altered: bool = False
    """Whether anything but sweepboard ever changed this record: then its checksum did not fit."""

    checksum: str = ""
    """Digest of all other entries."""

    def start(self) -> None:
        """Set the status to running, in this process."""
        self.status, self.reason, self.ended = RUNNING, None, None
        for name, value in asdict(ProcessIdentity.current()).items():
            setattr(self, name, value)
        self.started = self.started or time.time()

    def end(self, status: str, reason: str | None = None) -> None:
        """Set the final status and its reason."""
        self.status, self.ended = status, time.time()
        self.reason = without_known(reason) if reason else reason

    def write(self, folder: RunFolder) -> None:
        """Write run.json in `folder`, with its checksum."""
        self.checksum = checksum_of(asdict(self))
        write_json(folder.record, asdict(self))

    @property
    def began(self) -> bool:
        """Whether the run ever started; its sweep may have stopped the job before it had a configuration."""
        return bool(self.started)

    def latest(self, name: str, first: Any) -> Any:
        """Return the value of `name` that was accepted last in a resume, or `first`."""
        accepted = [change[name] for change in self.changed if name in change]
        return accepted[-1] if accepted else first

    @property
    def accepted_changes(self) -> list[str]:
        """The accepted changes of each resume, in one line each."""
        return [f"{', '.join(change['differences'])}, from step {change['step']}" for change in self.changed]

    @property
    def improved_before_end(self) -> bool:
        """Whether its best weights are not the last ones."""
        return self.best_step not in (None, self.step)

    @property
    def true_status(self) -> str:
        """`status`, or `interrupted` if the process of a running run is known to be gone.

        That of another host or container cannot be seen from here: it counts as running.
        """
        if self.status != RUNNING:
            return self.status
        gone = self.process.lives is False or self.process.host_restarted
        return INTERRUPTED if gone else RUNNING

    @property
    def process(self) -> ProcessIdentity:
        """The process that writes, or wrote, this record."""
        return ProcessIdentity(**{each.name: getattr(self, each.name) for each in fields(ProcessIdentity)})


def read_record(folder: RunFolder) -> RunRecord:
    """Return the record of a run with its types checked; unknown keys are ignored.

    `altered` is set if its checksum does not fit. Raise `DamagedRecord`.
    """
    try:
        content = read_json(folder.record)
        record = built(RunRecord, content)
        check_plain(list[_Accepted], record.changed, "changed")
        record.altered = record.altered or record.checksum != checksum_of(content)
        return record
    except (OSError, ValueError) as error:
        raise DamagedRecord(f"{folder.record} cannot be read: {reason(error)}") from error


def checksum_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record as JSON without its checksum."""
    rest = {key: value for key, value in content.items() if key != "checksum"}
    return hashlib.sha256(as_json(rest, indent=None).encode()).hexdigest()


def as_plain(record: RunRecord) -> dict[str, Any]:
    """Return the record as a dict for JSON, with its true status."""
    return asdict(record) | {"status": record.true_status}
