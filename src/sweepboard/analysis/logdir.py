"""A log directory as TensorBoard reads it: every folder with event files is a run, links are followed."""

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

from sweepboard.board.event_names import event_files
from sweepboard.board.event_reader import hparams_messages
from sweepboard.board.scalar_decoder import Series
from sweepboard.board.scalar_reader import read_scalars_by_file
from sweepboard.board.tfrecord import Damage
from sweepboard.runs.alteration import alteration
from sweepboard.runs.discover import tell_unreadable
from sweepboard.runs.folder import RunFolder
from sweepboard.runs.record import RUNNING, DamagedRecord, RunRecord, read_record
from sweepboard.runs.saved_run import DamagedRun, read_config


@dataclass(frozen=True)
class RunFiles:
    """The contents of one run's folder."""

    path: Path
    name: str
    """The name that TensorBoard shows; `.` for the log directory itself."""

    files: dict[Path, dict[str, Series]] = field(default_factory=dict)
    """Scalars of each event file, in the order in which TensorBoard reads them."""

    damages: Sequence[Damage] = ()
    experiments: Sequence[Experiment] = ()
    starts: Sequence[SessionStartInfo] = ()
    ends: int = 0
    """Number of messages that mark the end of the run."""

    record: RunRecord | None = None
    """run.json, for runs of ours."""

    record_damage: str | None = None
    """Why run.json or config.yaml cannot be read or believed; None if they can."""

    @property
    def tags(self) -> set[str]:
        """Tags of all scalars."""
        return {tag for series in self.files.values() for tag in series}

    @property
    def is_running(self) -> bool:
        """Whether a live process is known to work on the run."""
        return self.record is not None and self.record.true_status == RUNNING

    @cached_property
    def originals(self) -> dict[Path, dict[str, Series]]:
        """The event files without exact copies of others in this run."""
        copies = {path for group in equal_files(list(self.files)) for path in group[1:]}
        return {path: series for path, series in self.files.items() if path not in copies}


@dataclass(frozen=True)
class LogDir:
    """A log directory."""

    root: Path
    runs: Sequence[RunFiles]
    twins: Sequence[tuple[Path, Path]]
    """Pairs of a link and its target."""


def read_log_dir(root: Path) -> LogDir:
    """Return everything that TensorBoard would read at or below `root`."""
    folders: dict[Path, Path] = {}
    twins: list[tuple[Path, Path]] = []
    for folder in sorted(_event_folders(root), key=lambda path: (_is_linked(path, root), path)):
        first = folders.setdefault(folder.resolve(), folder)
        if first != folder:
            twins.append((folder, first))
    runs = [read_run_files(folder, root) for folder in sorted(folders.values())]
    return LogDir(root, runs, [*twins, *_linked_files(runs)])


def read_run_files(folder: Path, root: Path) -> RunFiles:
    """Return one run of the log directory `root`."""
    damages: list[Damage] = []
    files = read_scalars_by_file(folder, damages.append)
    messages = list(hparams_messages(folder, lambda _: None))
    record, record_damage = _record(folder)
    return RunFiles(
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
    """Return groups of two or more files with the same bytes, ignoring empty files and links."""
    sizes = {path: path.stat().st_size for path in paths if not path.is_symlink()}
    often = Counter(size for size in sizes.values() if 0 < size < _MOST_COMPARED)
    groups: dict[str, list[Path]] = {}
    for path, size in sizes.items():
        if often[size] > 1:
            groups.setdefault(_digest(path), []).append(path)
    return [group for group in groups.values() if len(group) > 1]


_MOST_COMPARED = 2**32
"""Maximum size, in bytes, of a file that is compared with others; larger ones may be sparse."""


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _event_folders(root: Path) -> Iterator[Path]:
    """Yield the folders that hold event files.

    A link to a parent folder is not followed, nor, below a link, a second link to a folder already seen:
    folders that link to each other have infinitely many paths.
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
    # For a path that is too long, os.path.islink returns False where pathlib raises.
    return os.path.islink(folder) and folder.resolve() in shut  # noqa: PTH114


def _is_linked(path: Path, root: Path) -> bool:
    """Return whether there is a link between `root` and `path`."""
    steps = [path, *path.parents]
    return any(step.is_symlink() for step in steps[: steps.index(root)])


def _linked_files(runs: Sequence[RunFiles]) -> Iterator[tuple[Path, Path]]:
    """Yield event files that are links to other event files of the log directory."""
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
        return record, alteration(run, record, read_config(run, whole=False))
    except DamagedRun as error:
        return record, str(error)
