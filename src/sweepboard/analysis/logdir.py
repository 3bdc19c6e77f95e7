"""A log directory as TensorBoard sees it: every folder with event files is a run, links are followed."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tensorboard.plugins.hparams.api_pb2 import Experiment
from tensorboard.plugins.hparams.plugin_data_pb2 import SessionStartInfo

from sweepboard.board.event_reader import hparams_messages, read_scalars_by_file
from sweepboard.board.event_writer import event_files
from sweepboard.board.scalar_decoder import Series
from sweepboard.board.tfrecord import Damage
from sweepboard.runs.discover import tell_unreadable
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import RUNNING, DamagedRecord, RunRecord, read_record
from sweepboard.runs.saved_run import DamagedRun, read_config


@dataclass(frozen=True)
class Anatomy:
    """What is in one run's folder."""

    path: Path
    name: str
    """As TensorBoard shows it; `.` for the log directory itself."""

    files: dict[Path, dict[str, Series]] = field(default_factory=dict)
    """Scalars of each event file, in the order in which TensorBoard reads them."""

    damages: Sequence[Damage] = ()
    experiments: Sequence[Experiment] = ()
    starts: Sequence[SessionStartInfo] = ()
    ends: int = 0
    """Messages that say that the run ended."""

    record: RunRecord | None = None
    """run.json, of runs of ours."""

    record_damage: str | None = None
    """What of run.json or config.yaml cannot be read."""

    @property
    def tags(self) -> set[str]:
        """Tags of all scalars."""
        return {tag for series in self.files.values() for tag in series}

    @property
    def is_running(self) -> bool:
        """Whether a process is known to be at work on it."""
        return self.record is not None and self.record.true_status == RUNNING

    @cached_property
    def originals(self) -> dict[Path, dict[str, Series]]:
        """The event files without exact copies of others of this run."""
        copies = {path for group in equal_files(list(self.files)) for path in group[1:]}
        return {path: series for path, series in self.files.items() if path not in copies}


@dataclass(frozen=True)
class Log:
    """A log directory."""

    root: Path
    runs: Sequence[Anatomy]
    twins: Sequence[tuple[Path, Path]]
    """Links, and what they are second names of."""


def read_log(root: Path) -> Log:
    """Everything that TensorBoard would read at or below `root`."""
    folders: dict[Path, Path] = {}
    twins: list[tuple[Path, Path]] = []
    for folder in sorted(_event_folders(root), key=lambda path: (_is_linked(path, root), path)):
        first = folders.setdefault(folder.resolve(), folder)
        if first != folder:
            twins.append((folder, first))
    runs = [read_anatomy(folder, root) for folder in sorted(folders.values())]
    return Log(root, runs, [*twins, *_linked_files(runs)])


def read_anatomy(folder: Path, root: Path) -> Anatomy:
    """One run of the log directory `root`."""
    damages: list[Damage] = []
    files = read_scalars_by_file(folder, damages.append)
    messages = list(hparams_messages(folder, lambda _: None))
    record, record_damage = _record(folder)
    return Anatomy(
        path=folder,
        name=str(folder.relative_to(root)),
        files=files,
        damages=damages,
        experiments=[each.experiment for each in messages if each.HasField("experiment")],
        starts=[each.session_start_info for each in messages if each.HasField("session_start_info")],
        ends=sum(each.HasField("session_end_info") for each in messages),
        record=record,
        record_damage=record_damage,
    )


def equal_files(paths: Sequence[Path]) -> list[list[Path]]:
    """Groups of two files or more that hold the same bytes; empty files and second names do not count."""
    sizes = {path: path.stat().st_size for path in paths if not path.is_symlink()}
    often = Counter(size for size in sizes.values() if 0 < size < _MOST_COMPARED)
    groups: dict[str, list[Path]] = {}
    for path, size in sizes.items():
        if often[size] > 1:
            groups.setdefault(_digest(path), []).append(path)
    return [group for group in groups.values() if len(group) > 1]


_MOST_COMPARED = 2**32
"""Bytes of a file; one that is longer is not looked at as a copy of another, some are all holes."""


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _event_folders(root: Path) -> Iterator[Path]:
    """Folders that hold event files.

    A link back to a folder above is not followed, and below a link no other link to a folder that was seen:
    of folders that are linked with each other there is no end of paths.
    """
    seen: set[Path] = set()
    for folder, folders, names in os.walk(root, followlinks=True, onerror=tell_unreadable):
        here = Path(folder)
        if any("tfevents" in name for name in names) and event_files(here):
            yield here
        real = here.resolve()
        seen.add(real)
        shut = {real, *real.parents} | (seen if _is_linked(here, root) else set())
        folders[:] = [name for name in folders if not _leads_back(here / name, shut)]


def _leads_back(folder: Path, shut: set[Path]) -> bool:
    # Of a path that is too long os.path says that it is no link, where pathlib raises.
    return os.path.islink(folder) and folder.resolve() in shut  # noqa: PTH114


def _is_linked(path: Path, root: Path) -> bool:
    """Whether a link stands between `root` and `path`."""
    steps = [path, *path.parents]
    return any(step.is_symlink() for step in steps[: steps.index(root)])


def _linked_files(runs: Sequence[Anatomy]) -> Iterator[tuple[Path, Path]]:
    """Event files that are links to other event files of the log directory."""
    paths = [path for run in runs for path in run.files]
    real = {path.resolve(): path for path in paths if not path.is_symlink()}
    return ((path, real[path.resolve()]) for path in paths if path.is_symlink() and path.resolve() in real)


def _record(folder: Path) -> tuple[RunRecord | None, str | None]:
    run = RunFolder(folder)
    if not run.record.is_file():
        return None, None
    try:
        record = read_record(run)
    except DamagedRecord as error:
        return None, str(error)
    try:
        read_config(run, whole=False)
    except DamagedRun as error:
        return record, str(error)
    return record, None
