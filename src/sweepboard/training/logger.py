"""The interface of a logger, which stores the results of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sweepboard.training.callback import Callback

if TYPE_CHECKING:
    from torch import Tensor

    from sweepboard.training.progress import Progress


class Logger(Callback):
    """Base class of loggers: callbacks that receive results. Each method does nothing by default.

    `step` counts optimizer updates. A resumed run logs every step from `progress.log_from` on again; a logger
    must replace what an earlier attempt logged there.
    """

    writes_only = True

    def start(self, progress: Progress) -> None:
        """Open the log, or continue it after a resume."""

    def scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Log one value for each tag."""

    def image(self, step: int, tag: str, pixels: Tensor) -> None:
        """Log a picture of bytes (height, width, channels)."""

    def histogram(self, step: int, tag: str, values: Tensor) -> None:
        """Log the distribution of `values`, a tensor of any shape."""

    def text(self, step: int, tag: str, markdown: str) -> None:
        """Log a text in markdown."""

    def audio(self, step: int, tag: str, samples: Tensor, rate: int) -> None:
        """Log a sound of numbers from -1 to 1 (channels, samples), `rate` samples in a second."""

    def mesh(
        self, step: int, tag: str, vertices: Tensor, faces: Tensor | None, colours: Tensor | None
    ) -> None:
        """Log vertices (number, 3), faces of three vertices each, and colours of the vertices in bytes."""

    def video(self, step: int, tag: str, frames: Tensor, fps: float) -> None:
        """Log a film of bytes (frames, height, width, 3), `fps` frames in a second."""

    def close(self, status: str) -> None:
        """Close the log after any end of the run, also if the run never started."""

    def on_start(self, progress: Progress) -> None:
        self.start(progress)

    def on_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self.scalars(step, scalars)

    def finish(self, status: str) -> None:
        self.close(status)
