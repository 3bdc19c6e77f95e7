"""A progress line for notebooks: written again and again below the lasting lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from sweepboard.formatting import printable
from sweepboard.runs.epoch_log import epoch_in_progress, most_telling_first, time_left
from sweepboard.training.callback import Callback
from sweepboard.training.progress import Progress

WIDTH = 100
"""Columns of a notebook's output that hold a line in any case."""


class RewrittenLine:
    """The last line of a stream, which is written anew; lasting text takes its place."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._width = 0  # of the line that stands there

    def show(self, parts: Sequence[str]) -> None:
        """Write the line anew."""
        self._rewrite(printable("  ".join(parts))[:WIDTH])

    def clear(self) -> None:
        """Take the line away."""
        self._rewrite("")

    def write(self, text: str) -> None:
        """Write lasting text in the place of the line, which is there again when it is shown next."""
        self.clear()
        self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def _rewrite(self, line: str) -> None:
        if line or self._width:
            blank = " " * self._width
            self._stream.write(f"\r{blank}\r{line}")
            self._stream.flush()
        self._width = len(line)


class ProgressLine(Callback):
    """Shows epoch, share of the updates, time left and metrics in a `line`."""

    def __init__(self, line: RewrittenLine) -> None:
        self._line = line

    def on_start(self, progress: Progress) -> None:
        self.on_tick(progress)

    def on_tick(self, progress: Progress) -> None:
        done = f"{progress.step / max(1, progress.total_steps):.0%}"
        where = [epoch_in_progress(progress), done, time_left(progress)]
        self._line.show([*where, *most_telling_first(progress)])

    def finish(self, status: str) -> None:
        del status
        self._line.clear()
