"""What a run logs, step by step, and the messages around it that say what the run is and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from tensorboard.compat.proto.summary_pb2 import Summary

from sweepboard.board.event_writer import END, START, EventWriter, event_files, write_event_file
from sweepboard.board.hparams import Hparam, end_info, start_info
from sweepboard.board.layout import layout
from sweepboard.board.text import plain_text
from sweepboard.board.truncate import cut_from, cut_to, remove_empty
from sweepboard.training.callback import Callback
from sweepboard.training.tasks import metric_names

if TYPE_CHECKING:
    from sweepboard.training.loop import Progress

Row: TypeAlias = tuple[Mapping[str, Hparam], str]
"""A run's hparams, and the group whose runs differ in the seed only."""


class BoardRecorder(Callback):
    """Writes scalars through `writer`; if wanted also a row of the HParams table, texts and a layout."""

    def __init__(
        self,
        writer: EventWriter,
        row: Row | None = None,
        texts: Mapping[str, str] | None = None,
        with_layout: bool = False,
    ) -> None:
        self.writer = writer
        self.row = row
        self.texts = dict(texts or {})
        self.with_layout = with_layout
        self._running = False

    def on_start(self, progress: Progress) -> None:
        """Take back what a resumed run will log again, then go on in a new file. Raises `CutFailed`."""
        self._take_back(progress)
        self._write_start(progress)
        self.writer.purge_step = progress.log_from
        self.writer.flush()
        self._running = True

    def on_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self.writer.add_scalars(step, scalars)

    def on_checkpoint(self, progress: Progress) -> None:
        """The log is never behind a checkpoint, and the checkpoint knows how long the log was."""
        progress.logged = self.writer.position()

    def make_durable(self) -> None:
        self.writer.sync()

    def finish(self, status: str) -> None:
        """Close the files of a run that ended as `finished`, `failed` or `interrupted`."""
        if not self._running:
            return
        self._running = False
        self.writer.close()
        if self.row is not None:
            self._write_file(END, [end_info(status)])
        with suppress(OSError):  # empty files are untidy, no more
            remove_empty(self.writer.folder)

    def _take_back(self, progress: Progress) -> None:
        if progress.step == 0:  # nothing was trained yet, and all that was written is written again
            cut_to(self.writer.folder, {})
        elif progress.logged:
            cut_to(self.writer.folder, progress.logged)
        else:
            cut_from(self.writer.folder, progress.log_from)

    def _write_start(self, progress: Progress) -> None:
        """The start in a file of its own, which a resumed run replaces: it may have become longer."""
        older = [path for path in event_files(self.writer.folder) if path.suffix == START]
        if self._write_file(START, list(self._start(progress))):
            for path in older:
                path.unlink()

    def _start(self, progress: Progress) -> Iterator[Summary]:
        if self.row is not None:
            hparams, group = self.row
            yield start_info(hparams, group)
        if self.with_layout:
            yield layout(metric_names(progress.learner.task, progress.data.spec))
        for tag, content in self.texts.items():
            yield plain_text(tag, content)

    def _write_file(self, suffix: str, summaries: list[Summary]) -> bool:
        try:
            write_event_file(self.writer.folder, suffix, summaries)
        except OSError as error:
            self.writer.warn_once(error)
            return False
        return True
