"""A logger that writes TensorBoard event files into the folder of the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from tensorboard.compat.proto.summary_pb2 import Summary

from sweepboard.board import summaries
from sweepboard.board.event_names import event_files
from sweepboard.board.event_writer import (
    END_SUFFIX,
    START_SUFFIX,
    EventWriter,
    remove_empty,
    write_event_file,
)
from sweepboard.board.histograms import buckets_of
from sweepboard.board.hparams import Hparam, end_info, start_info
from sweepboard.training.logger import Logger
from sweepboard.training.tasks import metric_names

if TYPE_CHECKING:
    from torch import Tensor

    from sweepboard.training.progress import Progress

Row: TypeAlias = tuple[Mapping[str, Hparam], str]
"""A run's hparams, and the group of runs that differ from it only in the seed."""


class TensorBoard(Logger):
    """Writes what a run logs through `writer`.

    `row` adds a row to the HParams table; `texts` are pages in markdown, by tag; `with_layout` adds charts
    with training and validation together.
    """

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
        self._layout_waits = False  # for the names of the metrics
        self._position: dict[str, int] = {}

    def start(self, progress: Progress) -> None:
        """Truncate the event files to the checkpoint and continue in a new one. Raise `TruncationFailed`."""
        if self._position or event_files(self.writer.folder):
            self._truncate(progress)
        self._write_start(progress)
        self.writer.purge_step = progress.log_from
        self.writer.flush()
        self._running = True

    def scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self.writer.add_scalars(step, scalars)

    def image(self, step: int, tag: str, pixels: Tensor) -> None:
        self.writer.add(step, Summary(value=[summaries.pixels(tag, pixels)]))

    def histogram(self, step: int, tag: str, values: Tensor) -> None:
        """Log `values`, which must be finite numbers."""
        buckets = buckets_of(values)
        if buckets is not None:
            self.writer.add(step, Summary(value=[summaries.histogram(tag, buckets)]))

    def audio(self, step: int, tag: str, samples: Tensor, rate: int) -> None:
        self.writer.add(step, Summary(value=[summaries.audio(tag, samples, rate)]))

    def mesh(
        self, step: int, tag: str, vertices: Tensor, faces: Tensor | None, colours: Tensor | None
    ) -> None:
        self.writer.add(step, Summary(value=[*summaries.mesh(tag, vertices, faces, colours)]))

    def video(self, step: int, tag: str, frames: Tensor, fps: float) -> None:
        self.writer.add(step, Summary(value=[summaries.video(tag, frames, fps)]))

    def text(self, step: int, tag: str, markdown: str) -> None:
        self.writer.add(step, Summary(value=[summaries.text(tag, markdown)]))

    def on_validation(self, progress: Progress) -> None:
        if self._layout_waits:
            self.writer.add(progress.step, summaries.layout(list(progress.val_metrics)))
            self._layout_waits = False

    def state_dict(self) -> dict[str, Any]:
        """Flush, and return the length of each event file: a resume truncates them to it."""
        return {"position": self.writer.position()} if self._running else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._position = dict(state["position"])

    def make_durable(self) -> None:
        self.writer.sync()

    def close(self, status: str) -> None:
        """Close the event files, and write the status in a file of its own."""
        if not self._running:
            return
        self._running = False
        self.writer.close()
        if self.row is not None:
            self._write_file(END_SUFFIX, [end_info(status)])
        with suppress(OSError):  # empty files do no harm
            remove_empty(self.writer.folder)

    def _truncate(self, progress: Progress) -> None:
        from sweepboard.board.event_truncation import truncate_from, truncate_to, warn_of_other_writers

        if progress.step == 0:  # nothing was trained yet: everything is written again
            truncate_to(self.writer.folder, {})
        elif self._position:
            truncate_to(self.writer.folder, self._position)
        else:
            truncate_from(self.writer.folder, progress.log_from)
        warn_of_other_writers(self.writer.folder, progress.log_from)

    def _write_start(self, progress: Progress) -> None:
        """Write the start into a file of its own, which a resumed run replaces: it may have become longer."""
        older = [path for path in event_files(self.writer.folder) if path.suffix == START_SUFFIX]
        if self._write_file(START_SUFFIX, list(self._start(progress))):
            for path in older:
                path.unlink()

    def _start(self, progress: Progress) -> Iterator[Summary]:
        if self.row is not None:
            hparams, group = self.row
            yield start_info(hparams, group)
        if self.with_layout:
            metrics = metric_names(progress.learner.task, progress.data.spec)
            self._layout_waits = metrics is None
            if metrics is not None:
                yield summaries.layout(metrics)
        for tag, content in self.texts.items():
            yield Summary(value=[summaries.text(tag, content)])

    def _write_file(self, suffix: str, messages: list[Summary]) -> bool:
        try:
            write_event_file(self.writer.folder, suffix, messages)
        except OSError as error:
            self.writer.warn_once(error)
            return False
        return True
