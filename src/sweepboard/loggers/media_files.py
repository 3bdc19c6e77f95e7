"""Sounds and films as files, for loggers of packages that take nothing else."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sweepboard.board.summaries import animated, wav
from sweepboard.training.logger import Logger

if TYPE_CHECKING:
    from torch import Tensor


class MediaFiles(Logger):
    """A logger that gets a sound as WAV and a film as GIF, by `file`."""

    def file(self, step: int, tag: str, path: Path) -> None:
        """Log the file at `path`, which is named for the step and deleted afterwards."""

    def audio(self, step: int, tag: str, samples: Tensor, rate: int) -> None:
        self._log(step, tag, ".wav", wav(samples, rate))

    def video(self, step: int, tag: str, frames: Tensor, fps: float) -> None:
        self._log(step, tag, ".gif", animated(frames, fps))

    def _log(self, step: int, tag: str, suffix: str, content: bytes) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder, f"{step}{suffix}")
            path.write_bytes(content)
            self.file(step, tag, path)
