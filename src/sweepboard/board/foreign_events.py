"""Event files that the user's own code writes into the folder of its run, with a `SummaryWriter`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import metadata

from sweepboard.board.event_truncation import keep_events
from sweepboard.board.event_writer import OWN_SUFFIXES
from sweepboard.board.scalar_reader import read_scalars_by_file


def foreign_files(folder: Path) -> list[Path]:
    """Return the event files in and below `folder` that the writer of a run's board did not write."""
    return sorted(path for path in folder.rglob("*tfevents*") if not path.name.endswith(OWN_SUFFIXES))


def truncate_foreign(folder: Path, step: int) -> None:
    """Remove from these files what a run logs that goes on at `step`; a new run starts without any.

    Raise `TruncationFailed`.
    """
    for path in foreign_files(folder):
        keep_events(path, lambda event: event.step < step)


def drop_hparams(folder: Path) -> None:
    """Remove the hyperparameters that other writers wrote directly into `folder`: the run has its own row.

    A list of columns (`add_hparams`, Lightning) hides those of all other runs. Raise `TruncationFailed`.
    """
    for path in foreign_files(folder):
        if path.parent == folder:
            keep_events(path, lambda event: not any(map(_is_hparams, event.summary.value)))


def _is_hparams(value: Summary.Value) -> bool:
    return bool(value.metadata.plugin_data.plugin_name == metadata.PLUGIN_NAME)


def read_foreign(folder: Path) -> list[tuple[int, str, float]]:
    """Return step, tag and value of every scalar in these files, by step; those in `folder` itself only."""
    foreign = foreign_files(folder)
    found = [series for path, series in read_scalars_by_file(folder).items() if path in foreign]
    points = [
        (step, tag, value)
        for series in found
        for tag, each in series.items()
        for step, value in zip(each.steps.tolist(), each.values.tolist(), strict=True)
    ]
    return sorted(points, key=lambda point: point[0])


class SummaryWriters:
    """The `SummaryWriter`s that the user's code makes; one without a `log_dir` writes into `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: list[Any] = []

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Follow the writers that are made in the block, and close them after it."""
        from torch.utils.tensorboard import SummaryWriter  # the user's code may import it in the block

        patched: Any = SummaryWriter
        made, folder, build = self._made, self._folder, patched.__init__

        def followed(writer: Any, log_dir: Any = None, *args: Any, **keywords: Any) -> None:
            build(writer, log_dir or str(folder), *args, **keywords)
            made.append(writer)

        patched.__init__ = followed
        try:
            yield
        finally:
            patched.__init__ = build
            for writer in made:
                writer.close()

    def flush(self) -> None:
        """Hand what was logged to the operating system."""
        for writer in self._made:
            writer.flush()
