"""The run folder: every path in one object, and the one way to claim a new one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from sweepboard.errors import UserError
from sweepboard.files import writing

RECORD = "run.json"
"""The file that makes a folder that of a run."""


class NotARun(UserError):
    """A path given as a run that is none."""


@dataclass(frozen=True)
class RunFolder:
    """One run's folder, which is also its TensorBoard log directory."""

    path: Path

    @property
    def config(self) -> Path:
        """The resolved configuration that the run really used."""
        return self.path / "config.yaml"

    @property
    def record(self) -> Path:
        """Status, times, command, metrics."""
        return self.path / RECORD

    @property
    def environment(self) -> Path:
        """Code version, packages, hardware."""
        return self.path / "environment.json"

    @property
    def changes(self) -> Path:
        """What was not committed when the run started."""
        return self.path / "changes.patch"

    def environment_of(self, attempt: int) -> Path:
        """`environment` of an attempt (from 1)."""
        return self.environment if attempt == 1 else self.path / f"environment.{attempt}.json"

    def changes_of(self, attempt: int) -> Path:
        """`changes` of an attempt (from 1)."""
        return self.changes if attempt == 1 else self.path / f"changes.{attempt}.patch"

    @property
    def checkpoints(self) -> Path:
        """The folder of `last.pt` and `best.pt`."""
        return self.path / "checkpoints"

    @property
    def last_checkpoint(self) -> Path:
        """The state to resume from."""
        return self.checkpoints / "last.pt"

    @property
    def log(self) -> Path:
        """What was printed: epochs, warnings, tracebacks."""
        return self.path / "train.log"

    @property
    def lock(self) -> Path:
        """Locked by the process that writes to this folder."""
        return self.path / ".lock"

    @property
    def begun(self) -> bool:
        """Whether there is a run to go on with: its record is written last of what that takes."""
        return self.record.is_file() and self.config.is_file()

    @property
    def name(self) -> str:
        """Date and name, as TensorBoard shows it from the output root."""
        return f"{self.path.parent.name}/{self.path.name}"

    def __str__(self) -> str:
        return str(self.path)


def claim(root: Path, label: str, now: datetime) -> RunFolder:
    """Make a new folder `<root>/<date>/<time>[-<label>]` that no other process can get.

    `mkdir` either makes it or fails, so of any number of launches in one second each gets its own. Raises
    `NotWritable`.
    """
    day = root / f"{now:%Y-%m-%d}"
    stem = f"{now:%H-%M-%S}" + (f"-{label}" if label else "")
    with writing(root):
        day.mkdir(parents=True, exist_ok=True)
        for attempt in count(1):
            folder = day / (stem if attempt == 1 else f"{stem}-{attempt}")
            with suppress(FileExistsError):
                folder.mkdir()
                return RunFolder(folder)
    raise AssertionError("unreachable: count() does not end")


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are not there yet. Raises `NotWritable`."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)


def open_run(path: str | Path) -> RunFolder:
    """The run at `path`. Raises `NotARun` saying what is there instead."""
    folder = RunFolder(Path(path))
    if folder.record.is_file():
        return folder
    if not folder.path.exists():
        raise NotARun(f"{path}: no such folder; `sweepboard ls` lists the runs")
    raise NotARun(f"{path} is no run folder (it has no run.json); `sweepboard ls {path}` lists runs below it")
