"""Trace a few updates near the start of a run with torch.profiler.

The trace is for Perfetto (ui.perfetto.dev) or chrome://tracing; the operators that take most time are also
shown on TensorBoard's text page.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tensorboard.compat.proto.summary_pb2 import Summary
from torch.profiler import profile, schedule

from sweepboard.board import summaries
from sweepboard.training.callback import Callback

if TYPE_CHECKING:
    from sweepboard.board.event_writer import EventWriter
    from sweepboard.training.progress import Progress

logger = logging.getLogger("sweepboard")

SKIPPED = 3
"""Updates before the trace: the first ones allocate and choose algorithms, the last warms up the profiler."""

TRACE, PERFETTO = "trace.json.gz", "https://ui.perfetto.dev"

ROWS = 20
"""Number of operators in the table."""


class Profile(Callback):
    """Traces `updates` updates into `profile/trace.json.gz` and writes the text `profile/operators`.

    A step of the trace lasts from the end of one update to the end of the next, including the wait for the
    batch.
    """

    may_fail = True

    def __init__(self, writer: EventWriter, folder: Path, updates: int) -> None:
        self.writer = writer
        self.place = folder / "profile"
        self.last = SKIPPED + updates
        self._running = False
        plan = schedule(wait=SKIPPED - 1, warmup=1, active=updates, repeat=1)
        self.profiler = profile(schedule=plan, on_trace_ready=self._save, acc_events=True)

    def on_start(self, progress: Progress) -> None:
        if progress.step > 0:  # a resumed run is past its start
            return
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # it logs to stderr, also about missing GPUs
        _wake_kineto()
        self.profiler.start()
        self._running = True

    def on_update(self, progress: Progress) -> None:
        if self._running:
            self.profiler.step()
            if self.profiler.step_num == self.last:
                self._stop()

    def finish(self, status: str) -> None:
        """Stop the trace if the run was shorter: an open trace crashes the process at exit."""
        if self._running:
            self._stop()

    def _stop(self) -> None:
        self._running = False
        self.profiler.stop()

    def _save(self, profiler: profile) -> None:
        self.place.mkdir(exist_ok=True)
        profiler.export_chrome_trace(str(self.place / TRACE))
        logger.info("the profile is in %s; open it at %s", self.place / TRACE, PERFETTO)
        where = f"The whole trace is `profile/{TRACE}` in the folder of the run: open it at <{PERFETTO}>."
        table = f"{where}\n\n{operators(profiler)}"
        self.writer.add(profiler.step_num, Summary(value=[summaries.text("profile/operators", table)]))


def _wake_kineto() -> None:
    """Initialise torch's tracer without its message about the thread that loaded torch's library.

    The message does not matter here (`load_torch_ahead`), but C code prints it at any log level.
    """
    with tempfile.TemporaryFile() as said:
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            with profile():  # all activities: the first profile decides whether GPUs are traced
                pass
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        said.seek(0)
        os.write(2, b"".join(line for line in said if b"External init callback must run in same" not in line))


def operators(profiler: profile) -> str:
    """Return a markdown table of the operators that took most time, by device time if there is a device."""
    averages = [event for event in profiler.key_averages() if not event.key.startswith("ProfilerStep")]
    averages.sort(key=lambda event: (event.self_device_time_total, event.self_cpu_time_total), reverse=True)
    rows = [
        f"| `{event.key}` | {event.count} | {event.self_cpu_time_total / 1000:.2f} "
        f"| {event.cpu_time_total / 1000:.2f} | {event.self_device_time_total / 1000:.2f} |"
        for event in averages[:ROWS]
    ]
    heading = "| operator | calls | own CPU ms | CPU ms | own device ms |\n|:--|--:|--:|--:|--:|"
    return "\n".join([heading, *rows])
