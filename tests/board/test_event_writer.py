"""The writer of event files: what it writes is read back, and no disk stops training."""

from __future__ import annotations

import logging
import resource
import shutil
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sweepboard.board.event_names import event_files
from sweepboard.board.event_writer import EventWriter, new_name
from sweepboard.board.scalar_reader import read_scalars
from sweepboard.board.tfrecord import Damage


def as_float32(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


@given(st.dictionaries(st.integers(0, 2**40), st.dictionaries(st.text(min_size=1), st.floats(width=32))))
def test_tensorboard_reads_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, points: dict[int, dict[str, float]]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    writer = EventWriter(folder)
    for step, scalars in points.items():
        writer.add_scalars(step, scalars)
    writer.close()
    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    reader.Reload()
    tags = {tag for scalars in points.values() for tag in scalars}
    assert set(reader.Tags()["scalars"]) == tags
    for tag in tags:
        expected = [(step, scalars[tag]) for step, scalars in points.items() if tag in scalars]
        read = [(event.step, event.value) for event in reader.Scalars(tag)]
        assert repr(read) == repr(expected)  # repr, because NaN is not equal to itself


def test_a_later_writer_sorts_after_all_files_there_even_if_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "events.out.tfevents.2000000000.zulu.1.0").touch()
    names = []
    for now in (2e9 - 500, 2e9 - 1000, 2e9 - 1000):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        writer = EventWriter(tmp_path)
        writer.add_scalars(1, {"loss": 1.0})
        writer.close()
        names.append(event_files(tmp_path)[-1].name)
    assert names == sorted(set(names))
    assert all(name < new_name(tmp_path) for name in names)


def test_points_of_a_step_are_one_event_in_a_file_that_begins_with_its_version(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path, purge_step=7)
    writer.add_scalars(7, {"train/loss": 0.5, "lr": 0.1})
    writer.close()
    reader = EventAccumulator(str(tmp_path))
    version, start, points = list(reader._generator.Load())
    assert version.file_version == "brain.Event:2"
    assert (start.session_log.status, start.step) == (start.session_log.START, 7)
    assert [value.tag for value in points.summary.value] == ["train/loss", "lr"]


def no_damage(damage: Damage) -> None:
    pytest.fail(str(damage))


@contextmanager
def disk_full_at(size: int) -> Iterator[None]:
    """No file of this process can grow beyond `size` bytes: a write stops in its middle, then fails."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_is_one_warning_and_no_torn_record_and_nothing_is_lost_once_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = EventWriter(tmp_path)
    writer.add_scalars(0, {"loss": 0.0})
    before = sum(writer.position().values())
    with disk_full_at(before + 100), caplog.at_level(logging.WARNING):
        for step in range(1, 50):
            writer.add_scalars(step, {"loss": step})
            writer.flush()
    assert len(caplog.records) == 1
    assert "training goes on" in caplog.text
    assert len(read_scalars(tmp_path, no_damage)["loss"].steps) < 50
    writer.add_scalars(50, {"loss": 50})
    writer.close()
    assert read_scalars(tmp_path, no_damage)["loss"].steps.tolist() == list(range(51))
    assert len(event_files(tmp_path)) == 1
    assert len(caplog.records) == 1


def test_what_was_lost_for_good_is_said_at_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    writer = EventWriter(folder)
    writer.add_scalars(1, {"loss": 1.0})
    writer.flush()
    shutil.rmtree(folder)
    for step in range(2, 6):
        writer.add_scalars(step, {"loss": 1.0})
        writer.flush()
    writer.close()
    first, last = (record.getMessage() for record in caplog.records)
    assert "No such file" in first
    assert "4 records" in last
    assert not folder.exists()


def test_a_folder_that_comes_back_gets_a_new_file(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    writer = EventWriter(folder)
    writer.flush()
    folder.rename(tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone")
    writer.add_scalars(1, {"loss": 1.0})
    writer.flush()
    folder.mkdir()
    writer.close()
    assert read_scalars(folder)["loss"].steps.tolist() == [1]


def test_a_tail_that_cannot_be_cut_off_ends_its_file_and_another_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweepboard.board.event_writer.FileIO", Uncuttable)
    writer = EventWriter(tmp_path)
    writer.add_scalars(1, {"loss": 1.0})
    size = sum(writer.position().values())
    writer.add_scalars(2, {"loss": 2.0})
    with disk_full_at(size + 10):
        writer.flush()
    writer.close()
    faults: list[Damage] = []
    assert read_scalars(tmp_path, faults.append)["loss"].steps.tolist() == [1, 2]
    assert [fault.torn for fault in faults] == [True]
    theirs = EventAccumulator(str(tmp_path))
    theirs.Reload()
    assert [event.step for event in theirs.Scalars("loss")] == [1, 2]


class Uncuttable(FileIO):
    def truncate(self, size: int | None = None) -> int:
        raise OSError("refused")


def test_a_long_outage_costs_the_oldest_records_not_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweepboard.board.event_writer.KEEP_BYTES", 10_000)
    folder = tmp_path / "run"
    writer = EventWriter(folder)
    for step in range(1000):
        writer.add_scalars(step, {"loss": 1.0})
        writer.flush()
    folder.mkdir()
    writer.close()
    steps = read_scalars(folder)["loss"].steps.tolist()
    assert steps == list(range(steps[0], 1000))
    assert 100 < len(steps) < 300
