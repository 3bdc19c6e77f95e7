"""The contract of a logger: where the numbers and pictures of a run go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sweepboard.training.callback import Callback

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from sweepboard.training.progress import Progress


class Logger(Callback):
    """Base class of loggers: a callback to which a run's results are given. Each method does nothing until
    it is overridden.

    `step` counts optimizer updates. A run that resumes logs everything from `progress.log_from` on again:
    what stands there from an earlier attempt must be replaced.
    """

    def start(self, progress: Progress) -> None:
        """Begin to log, or go on after a resume."""

    def scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Log one value of each tag."""

    def image(self, step: int, tag: str, picture: Image.Image) -> None:
        """Log a picture."""

    def histogram(self, step: int, tag: str, values: Tensor) -> None:
        """Log how `values`, a tensor of any shape, are distributed."""

    def text(self, step: int, tag: str, markdown: str) -> None:
        """Log a text in markdown."""

    def close(self, status: str) -> None:
        """End, after any end of the run; also of a run that never started."""

    def on_start(self, progress: Progress) -> None:
        self.start(progress)

    def on_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        self.scalars(step, scalars)

    def finish(self, status: str) -> None:
        self.close(status)
