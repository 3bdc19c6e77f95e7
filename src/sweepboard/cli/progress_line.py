"""A progress line for notebooks: written again and again below the lasting lines of a run."""

from __future__ import annotations

from typing import TextIO

from sweepboard.formatting import printable
from sweepboard.runs.epoch_log import epoch_in_progress, most_telling_first, time_left
from sweepboard.training.callback import Callback
from sweepboard.training.progress import Progress

WIDTH = 100
"""Columns of a notebook's output that hold a line in any case."""


class ProgressLine(Callback):
    """Shows epoch, share of the updates, time left and metrics; it is the stream of lasting lines too."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._width = 0  # of the line that stands there

    def on_start(self, progress: Progress) -> None:
        self.on_tick(progress)

    def on_tick(self, progress: Progress) -> None:
        done = f"{progress.step / max(1, progress.total_steps):.0%}"
        parts = [epoch_in_progress(progress), done, time_left(progress), *most_telling_first(progress)]
        self._rewrite(printable("  ".join(parts))[:WIDTH])

    def finish(self, status: str) -> None:
        del status
        self._rewrite("")

    def write(self, text: str) -> None:
        """Write lasting text in the place of the progress line, which the next tick shows again."""
        self._rewrite("")
        self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def _rewrite(self, line: str) -> None:
        if line or self._width:
            blank = " " * self._width
            self._stream.write(f"\r{blank}\r{line}")
            self._stream.flush()
        self._width = len(line)
