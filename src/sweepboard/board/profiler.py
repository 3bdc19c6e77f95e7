"""A trace of a few updates near the start of a run, by torch.profiler.

The trace is for Perfetto (ui.perfetto.dev) or chrome://tracing; the operators that cost most also stand
on the board's text page.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorboard.compat.proto.summary_pb2 import Summary
from torch.profiler import profile, record_function, schedule

from sweepboard.board import summaries
from sweepboard.training.callback import Callback

if TYPE_CHECKING:
    from sweepboard.board.event_writer import EventWriter
    from sweepboard.training.learner import Learner
    from sweepboard.training.loop import Progress

logger = logging.getLogger("sweepboard")

SKIPPED = 3
"""Updates before the trace: the first allocate and choose algorithms, the last warms the profiler up."""

ROWS = 20
"""Operators in the table."""


class Profile(Callback):
    """Traces `updates` updates into `profile/trace.json.gz` and writes the text `profile/operators`.

    The loop has no hook per update, so that a run without a profiler pays nothing for it: this one stands in
    front of `learner.update` for these few updates and then steps aside.
    """

    def __init__(self, writer: EventWriter, folder: Path, updates: int) -> None:
        self.writer = writer
        self.place = folder / "profile"
        self.last = SKIPPED + updates
        self._learner: Learner | None = None
        plan = schedule(wait=SKIPPED - 1, warmup=1, active=updates, repeat=1)
        self.profiler = profile(schedule=plan, on_trace_ready=self._save, acc_events=True)

    def on_start(self, progress: Progress) -> None:
        if progress.step > 0:  # a resumed run is past its start
            return
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # it chats to stderr, of missing GPUs too
        _wake_kineto()
        self._learner = learner = progress.learner
        vars(learner)["update"] = self._stepping(learner, learner.update)
        self.profiler.start()

    def on_end(self, progress: Progress) -> None:
        self._stop(progress.learner)  # where the run was shorter than the trace

    def finish(self, status: str) -> None:
        """A profiler that is left on brings the process down as it ends."""
        if self._learner is not None:
            self._stop(self._learner)

    def _stepping(self, learner: Learner, update: Callable[..., Any]) -> Callable[..., Any]:
        def update_and_step(*args: Any, **kwargs: Any) -> Any:
            with record_function("update"):
                result = update(*args, **kwargs)
            try:
                self._step(learner)
            except Exception as error:  # a trace that cannot be written must not end the run
                logger.warning("the run goes on without a profile: %s", error)
                vars(learner).pop("update", None)
            return result

        return update_and_step

    def _step(self, learner: Learner) -> None:
        self.profiler.step()
        if self.profiler.step_num == self.last:
            self._stop(learner)

    def _stop(self, learner: Learner) -> None:
        if vars(learner).pop("update", None) is not None:
            self.profiler.stop()

    def _save(self, profiler: profile) -> None:
        self.place.mkdir(exist_ok=True)
        profiler.export_chrome_trace(str(self.place / "trace.json.gz"))
        table = operators(profiler)
        self.writer.add(profiler.step_num, Summary(value=[summaries.text("profile/operators", table)]))


def _wake_kineto() -> None:
    """Let torch's tracer set itself up, without its line that this should be in the thread that loaded
    torch's library (`load_torch_ahead`): C code prints it, whatever the log level, and traces are whole."""
    with tempfile.TemporaryFile() as said:
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            with profile():  # of all activities: the first profile decides whether GPUs are traced at all
                pass
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        said.seek(0)
        os.write(2, b"".join(line for line in said if b"External init callback must run in same" not in line))


def operators(profiler: profile) -> str:
    """The operators that took most of the time, the device's where there is one, as a markdown table."""
    averages = [event for event in profiler.key_averages() if not event.key.startswith("ProfilerStep")]
    averages.sort(key=lambda event: (event.self_device_time_total, event.self_cpu_time_total), reverse=True)
    rows = [
        f"| `{event.key}` | {event.count} | {event.self_cpu_time_total / 1000:.2f} "
        f"| {event.cpu_time_total / 1000:.2f} | {event.self_device_time_total / 1000:.2f} |"
        for event in averages[:ROWS]
    ]
    heading = "| operator | calls | own CPU ms | CPU ms | own device ms |\n|:--|--:|--:|--:|--:|"
    return "\n".join([heading, *rows])
