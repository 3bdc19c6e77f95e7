"""A profile covers a few updates."""

from __future__ import annotations

import gzip
import json
import logging
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.autograd import _profiler_enabled  # type: ignore[attr-defined]

from sweepboard.board.event_writer import EventWriter
from sweepboard.board.profiler import Profile
from sweepboard.training.progress import Progress
from tests.board.tiny import tiny_run


def text(folder: Path) -> str:
    (point,) = EventAccumulator(str(folder)).Reload().Tensors("profile/operators")
    return str(point.tensor_proto.string_val[0].decode())


@pytest.mark.parametrize(("updates", "traced"), [(4, 4), (100, 12)], ids=["some", "more than there are"])
def test_the_trace_has_the_updates_that_were_asked_for(tmp_path: Path, updates: int, traced: int) -> None:
    writer = EventWriter(tmp_path)
    tiny_run([Profile(writer, tmp_path, updates)])
    writer.close()
    trace = json.loads(gzip.decompress((tmp_path / "profile" / "trace.json.gz").read_bytes()))
    steps = {event["name"] for event in trace["traceEvents"] if event["name"].startswith("ProfilerStep#")}
    assert traced <= len(steps) <= traced + 1
    assert "aten::" in text(tmp_path)


def test_it_says_where_the_trace_is_and_how_it_is_opened(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = EventWriter(tmp_path)
    with caplog.at_level(logging.INFO, "sweepboard"):
        tiny_run([Profile(writer, tmp_path, 1)])
    writer.close()
    trace = tmp_path / "profile" / "trace.json.gz"
    assert f"the profile is in {trace}; open it at https://ui.perfetto.dev" in caplog.messages
    page = text(tmp_path)
    assert "`profile/trace.json.gz` in the folder of the run: open it at <https://ui.perfetto.dev>" in page


def test_a_run_that_ends_before_the_trace_begins(tmp_path: Path) -> None:
    tiny_run([Profile(EventWriter(tmp_path), tmp_path, 4)], steps=1)
    assert not (tmp_path / "profile").exists()


def test_a_trace_that_cannot_be_written_does_not_end_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "profile").write_text("in the way")
    with caplog.at_level(logging.WARNING, "sweepboard"):
        progress = tiny_run([Profile(EventWriter(tmp_path), tmp_path, 4)])
    assert progress.finished
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("the run goes on without 0 Profile: ")


def test_a_run_that_is_interrupted_leaves_no_profiler_on(tmp_path: Path) -> None:
    """torch takes the process down at its end otherwise."""
    profiler, progress = Profile(EventWriter(tmp_path), tmp_path, 10), cast(Progress, SimpleNamespace(step=0))
    profiler.on_start(progress)
    for _ in range(5):
        torch.ones(2).sum()
        profiler.on_update(progress)
    assert _profiler_enabled()
    profiler.finish("interrupted")
    assert not _profiler_enabled()


@pytest.mark.parametrize(
    "words",
    [
        "model=mlp dataset=gaussian logging.profile=1",
        "model=cnn dataset=fashion_mini logging=full",
        "model=linear dataset=fashion_mini dataset.in_memory=false dataset.workers=2 logging.profile=2",
    ],
)
@pytest.mark.slow
def test_the_tracer_does_not_speak_of_threads(words: str, tmp_path: Path) -> None:
    """As the command loads torch: its library in another thread than the one that imports it."""
    command = [sys.executable, "-m", "sweepboard", "trainer=debug", "threads=1", *words.split()]
    command.append("hydra.run.dir=run")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True)
    assert "thread" not in done.stderr
    assert "profile: run/profile/trace.json.gz (open it at https://ui.perfetto.dev)" in done.stdout
    assert (tmp_path / "run" / "profile" / "trace.json.gz").is_file()
