"""The run folder: its paths, and how a new one is claimed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from sweepboard.errors import UserError
from sweepboard.files import writing

RECORD = "run.json"
"""The file that marks a run folder."""

PLAN = "sweep.json"
"""The file that marks the folder of a sweep."""


class NotARun(UserError):
    """A path that is not a run folder."""


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
        """The patch of changes that were not committed when the run started."""
        return self.path / "changes.patch"

    def environment_of(self, attempt: int) -> Path:
        """Return the path of the environment of an attempt (from 1)."""
        return self.environment if attempt == 1 else self.path / f"environment.{attempt}.json"

    def changes_of(self, attempt: int) -> Path:
        """Return the path of the patch of an attempt (from 1)."""
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
    def profile(self) -> Path:
        """The trace of torch's profiler, if one was asked for."""
        return self.path / "profile" / "trace.json.gz"

    @property
    def log(self) -> Path:
        """What was printed: epochs, warnings, tracebacks."""
        return self.path / "train.log"

    @property
    def lock(self) -> Path:
        """Locked by the process that writes to this folder."""
        return self.path / ".lock"

    @property
    def holders(self) -> Path:
        """The folder of files that name its writers, on a file system without locks."""
        return self.path / ".held"

    def contents(self) -> list[str]:
        """Return the names in the folder, without those of its lock and of a network disk's deleted files."""
        if not self.path.is_dir():
            return []
        ours = (self.lock.name, self.holders.name)
        names = (path.name for path in self.path.iterdir())
        return [name for name in names if name not in ours and not name.startswith(".nfs")]

    @property
    def last_written(self) -> float:
        """When a file of the run was last written, by the clock of its disk."""
        return max((path.stat().st_mtime for path in self.path.iterdir() if path.is_file()), default=0.0)

    @property
    def begun(self) -> bool:
        """Whether there is a run to resume; the record is written last."""
        return self.record.is_file() and self.config.is_file()

    @property
    def name(self) -> str:
        """The name in TensorBoard: the date and the folder name."""
        return f"{self.path.parent.name}/{self.path.name}"

    def __str__(self) -> str:
        return str(self.path)


def claim(root: Path, label: str, now: datetime) -> RunFolder:
    """Make a new folder `<root>/<date>/<time>[-<label>]` that no other process uses.

    `mkdir` is atomic, so launches in the same second get folders of their own. Raise `NotWritable`.
    """
    day = root / f"{now:%Y-%m-%d}"
    stem = f"{now:%H-%M-%S}" + (f"-{label}" if label else "")
    make_folder(root)
    with writing(day):
        day.mkdir(exist_ok=True)
        for attempt in count(1):
            folder = day / (stem if attempt == 1 else f"{stem}-{attempt}")
            with suppress(FileExistsError):
                folder.mkdir()
                return RunFolder(folder)
    raise AssertionError("unreachable: count() does not end")


def make_folder(path: Path) -> None:
    """Make a folder and its parents if they do not exist. Raise `NotWritable`."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)


def open_run(path: str | Path) -> RunFolder:
    """Return the run folder at `path`. Raise `NotARun`, which says what is there instead."""
    folder = RunFolder(Path(path))
    if folder.record.is_file():
        return folder
    if not folder.path.exists():
        raise NotARun(f"{path}: no such folder; `sweepboard ls` lists the runs")
    raise NotARun(f"{path} is no run folder (it has no run.json); `sweepboard ls {path}` lists runs below it")
