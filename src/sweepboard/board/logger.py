"""Everything that a run tells TensorBoard, as one callback."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweepboard.board.event_writer import EventWriter
from sweepboard.board.figures import FinalFigures, Predictions
from sweepboard.board.graph import ModelGraph
from sweepboard.board.histograms import Histograms
from sweepboard.board.hparams import Hparam
from sweepboard.board.images import SampleImages
from sweepboard.board.profiler import Profile
from sweepboard.board.projector import Embeddings
from sweepboard.board.scalars import BoardRecorder
from sweepboard.settings import LoggingSettings
from sweepboard.training.callback import Callback

if TYPE_CHECKING:
    from sweepboard.training.loop import Progress

logger = logging.getLogger("sweepboard")


class Board(Callback):
    """The scalars of a run, and its pictures, through one writer.

    A picture that cannot be made is one line of warning; it is not tried again, and the run goes on.
    """

    def __init__(self, recorder: BoardRecorder | None = None, pictures: Sequence[Callback] = ()) -> None:
        self.recorder = recorder
        self.pictures = list(pictures)

    def on_start(self, progress: Progress) -> None:
        self._tell("on_start", progress)

    def on_tick(self, progress: Progress) -> None:
        self._tell("on_tick", progress)

    def on_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self._tell("on_scalars", step, scalars)

    def on_epoch_end(self, progress: Progress) -> None:
        self._tell("on_epoch_end", progress)

    def on_validation(self, progress: Progress) -> None:
        self._tell("on_validation", progress)

    def on_checkpoint(self, progress: Progress) -> None:
        self._tell("on_checkpoint", progress)

    def make_durable(self) -> None:
        if self.recorder is not None:
            self.recorder.make_durable()

    def on_end(self, progress: Progress) -> None:
        self._tell("on_end", progress)

    def finish(self, status: str) -> None:
        """Close the event files of a run that ended as `finished`, `failed` or `interrupted`."""
        self._tell_pictures("finish", status)  # first, for they may still have something to write
        if self.recorder is not None:
            self.recorder.finish(status)

    def _tell(self, event: str, *what: Any) -> None:
        if self.recorder is not None:
            getattr(self.recorder, event)(*what)
        self._tell_pictures(event, *what)

    def _tell_pictures(self, event: str, *what: Any) -> None:
        for picture in tuple(self.pictures):
            try:
                getattr(picture, event)(*what)
            except Exception as error:  # whatever a model, a plot or a full disk comes up with
                self.pictures.remove(picture)
                reason = str(error).strip().partition("\n")[0] or type(error).__name__
                logger.warning("the board goes without %s: %s", type(picture).__name__, reason)


def open_board(
    folder: Path,
    settings: LoggingSettings,
    hparams: Mapping[str, Hparam],
    group: str,
    texts: Mapping[str, str],
) -> Board:
    """The board of the run in `folder`, as `settings` want it.

    `hparams` make the run's row, `group` names the row's repeats (same hparams, other seed), `texts` are
    shown as they are by their tags (`config`, `command`).
    """
    if not settings.enabled:
        return Board()
    writer = EventWriter(folder)
    row = (hparams, group) if settings.hparams else None
    recorder = BoardRecorder(writer, row, texts if settings.text else {}, settings.layout)
    return Board(recorder, _pictures(writer, folder, settings))


def _pictures(writer: EventWriter, folder: Path, on: LoggingSettings) -> list[Callback]:
    figures = on.confusion_matrix or on.pr_curves
    pictures = [
        SampleImages(writer, on.images) if on.images else None,
        ModelGraph(writer) if on.graph else None,
        Histograms(writer, on.histograms) if on.histograms else None,
        Predictions(writer, on.predictions) if on.predictions else None,
        FinalFigures(writer, on.confusion_matrix, on.pr_curves) if figures else None,
        Embeddings(folder, on.embeddings) if on.embeddings else None,
        Profile(writer, folder, on.profile) if on.profile else None,
    ]
    return [picture for picture in pictures if picture is not None]
