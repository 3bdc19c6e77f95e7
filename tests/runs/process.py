"""`sweepboard` as a process of its own, to be killed; and whether two runs are the same run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sweepboard.board.event_reader import read_hparams
from sweepboard.board.scalar_reader import read_scalars
from sweepboard.metric_names import SPEED
from tests.command import record_of

PATIENCE = 120.0
"""Seconds until a process that does not do what is waited for is given up."""


class Sweepboard:
    """A running command, started in `folder`, by another program if there are words `before` it."""

    def __init__(self, folder: Path, *words: str, before: Sequence[str] = ()) -> None:
        self.folder = folder
        self._output = folder / f"said-{time.monotonic_ns()}.txt"
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, *before, "-m", "sweepboard", *words],
                cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def said(self) -> str:
        """Everything printed so far."""
        return self._output.read_text()

    def wait_for(self, happened: Callable[[], object]) -> None:
        """Until something has happened, or the process has ended."""
        deadline = time.monotonic() + PATIENCE
        while not happened() and self.process.poll() is None:
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.001)

    def wait_for_its_record(self, run: Path) -> None:
        """Until run.json names this process: from then on it works on the run."""

        def named() -> bool:
            try:
                return bool(json.loads((run / "run.json").read_text()).get("pid") == self.process.pid)
            except FileNotFoundError:
                return False

        self.wait_for(named)

    def wait_until_it_says(self, *texts: str) -> None:
        """Until one of `texts` has been printed."""
        self.wait_for(lambda: any(text in self.said() for text in texts))

    def sleep(self, seconds: float) -> None:
        """Let it work for so long."""
        deadline = time.monotonic() + seconds
        self.wait_for(lambda: time.monotonic() > deadline)

    def kill(self) -> bool:
        """`kill -9`; returns whether there was a living process."""
        alive = self.process.poll() is None
        self.process.kill()
        self.process.wait(PATIENCE)
        return alive

    def others(self) -> list[int]:
        """Living processes that it has started."""
        living = [path.parent for path in Path("/proc").glob("[0-9]*/stat")]
        found = [int(folder.name) for folder in living if _session(folder) == self.process.pid]
        return [pid for pid in found if pid != self.process.pid]

    def end(self) -> int:
        """Wait until it ends; returns its exit code."""
        return self.process.wait(PATIENCE)

    def finish(self) -> str:
        """Wait for an end without error; returns what it said."""
        assert self.end() == 0, self.said()
        return self.said()

    def stop(self, signum: int) -> str:
        """Send a signal and wait for the exit code that belongs to it; returns what it said."""
        self.process.send_signal(signum)
        assert self.process.wait(30) == 128 + signum, self.said()
        return self.said()


Launch = Callable[..., Sweepboard]
"""`launch(folder, *words)`, the fixture."""


def curves(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Every point but those that tell the time."""
    series = {tag: found for tag, found in read_scalars(run).items() if tag != SPEED}
    return {
        tag: list(zip(found.steps.tolist(), found.values.tolist(), strict=True))
        for tag, found in series.items()
    }


def assert_the_same(run: Path, reference: Path) -> None:
    """Weights by SHA-256, every scalar of every step, each once in two readers, a row that says success."""
    assert record_of(run)["status"] == "finished"
    assert curves(run) == curves(reference)
    assert record_of(run)["weights_sha256"] == record_of(reference)["weights_sha256"]
    slow = EventAccumulator(str(run), size_guidance={"scalars": 0}).Reload()
    for tag, points in curves(reference).items():
        assert [(point.step, point.value) for point in slow.Scalars(tag)] == points
    row = read_hparams(run)
    assert row is not None
    assert row.status == "finished"


def _session(process: Path) -> int | None:
    """The session of a process of /proc; None where it has ended."""
    try:
        state, _, _, session, *_ = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state == "Z" else int(session)
