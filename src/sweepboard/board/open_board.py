"""Create the callbacks that write TensorBoard files: the logger, and one for each kind of picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from sweepboard.board.event_writer import EventWriter
from sweepboard.board.figures import FinalFigures, Predictions
from sweepboard.board.graph import ModelGraph
from sweepboard.board.histograms import Histograms
from sweepboard.board.hparams import Hparam
from sweepboard.board.images import SampleImages
from sweepboard.board.logger import TensorBoard
from sweepboard.board.profiler import Profile
from sweepboard.board.projector import Embeddings
from sweepboard.board.summaries import code_block
from sweepboard.settings import LoggingSettings
from sweepboard.training.callback import Callback


def open_board(
    folder: Path,
    settings: LoggingSettings,
    hparams: Mapping[str, Hparam],
    group: str,
    texts: Mapping[str, str],
    pages: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Callback]:
    """Return the callbacks that `settings` ask for, by name, for the run in `folder`.

    `hparams` are the row of the run in the HParams table, `group` names the runs that differ only in the
    seed, `texts` are shown unformatted, by tag (`config`, `command`), `pages` are in markdown.
    """
    if not settings.enabled:
        return {}
    writer = EventWriter(folder)
    row = (hparams, group) if settings.hparams else None
    shown = {tag: code_block(content) for tag, content in texts.items()} | dict(pages)
    logger = TensorBoard(writer, row, shown if settings.text else {}, settings.layout)
    return {"tensorboard": logger, **_pictures(writer, folder, settings)}


def _pictures(writer: EventWriter, folder: Path, on: LoggingSettings) -> dict[str, Callback]:
    figures = on.confusion_matrix or on.pr_curves
    pictures: dict[str, Callback | None] = {
        "sample images": SampleImages(on.images) if on.images else None,
        "graph": ModelGraph(writer) if on.graph else None,
        "histograms": Histograms(writer, on.histograms) if on.histograms else None,
        "predictions": Predictions(on.predictions) if on.predictions else None,
        "final figures": FinalFigures(writer, on.confusion_matrix, on.pr_curves) if figures else None,
        "embeddings": Embeddings(folder, on.embeddings) if on.embeddings else None,
        "profile": Profile(writer, folder, on.profile) if on.profile else None,
    }
    return {f"board/{name}": picture for name, picture in pictures.items() if picture is not None}
