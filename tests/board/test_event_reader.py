"""Exact reading: fast as one by one, files of other tools, and damage that is told and not raised."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.util.tensor_util import make_tensor_proto
from torch.utils.tensorboard import SummaryWriter

from sweepboard.board import event_reader
from sweepboard.board.event_names import event_files
from sweepboard.board.event_reader import read_events, read_hparams
from sweepboard.board.event_writer import EventWriter, write_event_file
from sweepboard.board.hparams import Hparam, end_info, start_info
from sweepboard.board.scalar_decoder import FEWEST, PointBuffer, template_of
from sweepboard.board.scalar_reader import read_scalars
from sweepboard.board.tfrecord import Damage, frame, records

NAME = "events.out.tfevents.1.host.1.0"
FLOATS = st.floats(width=32)
STEPS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(0, 300), st.just(0))
INFINITE = Summary(value=[Summary.Value(tag="a", simple_value=math.inf)])
PLAIN = st.builds(Summary.Value, tag=st.sampled_from(["a", "b", "loss"]), simple_value=FLOATS)
VALUES = st.lists(
    st.one_of(
        PLAIN,
        st.builds(lambda value: scalar_pb("tensor", value).value[0], FLOATS),
        st.just(Summary.Value(tag="other", image=Summary.Image(height=1))),
        st.just(Summary.Value(simple_value=1.0)),
    ),
    max_size=3,
)
PLAINS = st.one_of(st.lists(PLAIN, max_size=3), VALUES)
EVENTS = st.one_of(
    st.builds(
        lambda step, time, values: Event(step=step, wall_time=time, summary=Summary(value=values)),
        STEPS,
        st.floats(allow_nan=False),
        PLAINS,
    ),
    st.just(Event(file_version="brain.Event:2")),
    st.builds(lambda step: Event(step=step, graph_def=b"graph"), STEPS),
)
Point = tuple[int, float, float]


def one_by_one(path: Path) -> dict[str, list[Point]]:
    """What `read_scalars` must give, in the plainest way."""
    points: dict[str, list[Point]] = {}
    for _, payload in records(path):
        event = Event.FromString(payload)
        for value in event.summary.value:
            if value.HasField("simple_value"):
                points.setdefault(value.tag, []).append((event.step, value.simple_value, event.wall_time))
            elif value.HasField("tensor"):
                points.setdefault(value.tag, []).append(
                    (event.step, value.tensor.float_val[0], event.wall_time)
                )
    return points


def as_points(folder: Path) -> dict[str, list[Point]]:
    return {
        tag: list(zip(*(column.tolist() for column in series), strict=True))
        for tag, series in read_scalars(folder, no_damage).items()
    }


def no_damage(damage: Damage) -> None:
    pytest.fail(str(damage))


@settings(deadline=None, max_examples=50)
@given(st.lists(EVENTS, max_size=8), st.integers(1, 20), st.booleans())
def test_many_at_a_time_is_the_same_as_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], repeats: int, shuffled: bool
) -> None:
    folder = tmp_path_factory.mktemp("run")
    payloads = [event.SerializeToString() for event in events] * repeats
    if shuffled:
        random.Random(0).shuffle(payloads)
    (folder / NAME).write_bytes(b"".join(map(frame, payloads)))
    assert repr(as_points(folder)) == repr(dict(sorted(one_by_one(folder / NAME).items())))


@given(
    st.builds(Event, step=STEPS, wall_time=st.floats(1), summary=st.builds(Summary, value=PLAINS)),
    st.dictionaries(st.integers(0, 80), st.integers(0, 255), max_size=2),
    st.sampled_from([Event(), Event(summary=Summary(value=[Summary.Value(tag="z", simple_value=1.0)]))]),
)
@example(Event(wall_time=1, summary=INFINITE), {17: 1}, Event())  # a signalling NaN
def test_a_template_reads_what_the_parser_reads_whatever_the_bytes(
    event: Event, changes: dict[int, int], more: Event
) -> None:
    payload = bytearray(event.SerializeToString() + more.SerializeToString())
    for place, byte in changes.items():
        if place < len(payload):
            payload[place] = byte
    template = template_of(bytes(payload))
    if template is not None:
        points = PointBuffer()
        template.read(np.frombuffer(payload, np.uint8)[None], np.zeros(1, np.int64), points)
        parsed = Event.FromString(bytes(payload))
        read = [(tag, [column.item() for column in series]) for tag, series in points.series()[0].items()]
        assert repr(read) == repr(
            sorted((v.tag, [parsed.step, v.simple_value, parsed.wall_time]) for v in parsed.summary.value)
        )


def test_plain_records_take_the_fast_path(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path)
    for step in range(1000):
        writer.add_scalars(step, {"train/loss": step / 3, "lr": 0.1})
    writer.close()
    expected = one_by_one(event_files(tmp_path)[0])
    with mock.patch("sweepboard.board.event_scalars.parse", wraps=event_reader.parse) as parse:
        assert as_points(tmp_path) == dict(sorted(expected.items()))
    assert parse.call_count < 2 + 2 * FEWEST


def test_records_longer_than_a_block_and_across_blocks_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweepboard.board.tfrecord.BLOCK_BYTES", 100)
    writer = EventWriter(tmp_path)
    picture = Summary(value=[Summary.Value(tag="p", image=Summary.Image(encoded_image_string=bytes(1000)))])
    for step in range(50):
        writer.add_scalars(step, {"loss": step})
        if step % 10 == 0:
            writer.add(step, picture)
    writer.close()
    assert read_scalars(tmp_path, no_damage)["loss"].values.tolist() == list(range(50))


def with_torch(folder: Path) -> None:
    with SummaryWriter(str(folder)) as writer:
        for step in range(30):
            writer.add_scalar("loss", 1 / (step + 1), step)
            writer.add_scalar("new", step / 7, step, new_style=True)
            writer.add_text("text", "not a scalar", step)


def with_lightning(folder: Path) -> None:
    logger = pytest.importorskip("lightning.pytorch.loggers").TensorBoardLogger(folder, name="", version="")
    for step in range(30):
        logger.log_metrics({"loss": 1 / (step + 1), "epoch": step // 10}, step)
    logger.finalize("success")


def with_keras(folder: Path) -> None:
    """As TensorFlow's tf.summary.scalar writes it: a tensor, of which only the first names its plug-in."""
    events = [Event(file_version="brain.Event:2")]
    for step in range(30):
        summary = scalar_pb("epoch_loss", 1 / (step + 1))
        if step:
            summary.value[0].ClearField("metadata")
        events.append(Event(wall_time=float(step), step=step, summary=summary))
    (folder / f"{NAME}.v2").write_bytes(b"".join(frame(event.SerializeToString()) for event in events))


@pytest.mark.parametrize("write", [with_torch, with_lightning, with_keras])
def test_files_of_other_tools_are_read_as_tensorboard_reads_them(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    write(tmp_path)
    theirs = EventAccumulator(str(tmp_path), size_guidance={"scalars": 0, "tensors": 0})
    theirs.Reload()
    ours = as_points(tmp_path)
    assert ours
    for tag in theirs.Tags()["scalars"]:
        assert ours[tag] == [(event.step, event.value, event.wall_time) for event in theirs.Scalars(tag)]
    for tag in set(theirs.Tags()["tensors"]) & set(ours):
        assert [step for step, _, _ in ours[tag]] == [event.step for event in theirs.Tensors(tag)]
    assert {len(points) for points in ours.values()} == {30}


def test_a_flipped_byte_costs_its_record_and_is_told_with_its_place(tmp_path: Path) -> None:
    for step in range(5):
        write_step(tmp_path, step)
    path = tmp_path / NAME
    size = path.stat().st_size // 5
    content = bytearray(path.read_bytes())
    content[2 * size + 15] ^= 1
    path.write_bytes(content)
    faults: list[Damage] = []
    assert read_scalars(tmp_path, faults.append)["loss"].steps.tolist() == [1, 2, 4, 5]
    assert [(fault.path, fault.offset, fault.torn) for fault in faults] == [(path, 2 * size, False)]


def write_step(folder: Path, step: int) -> None:
    event = Event(wall_time=1.0, step=step + 1)
    event.summary.value.add(tag="loss", simple_value=step)
    with (folder / NAME).open("ab") as file:
        file.write(frame(event.SerializeToString()))


def test_a_damaged_length_ends_its_file_and_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for step in range(5):
        write_step(tmp_path, step)
    path = tmp_path / NAME
    size = path.stat().st_size // 5
    content = bytearray(path.read_bytes())
    content[2 * size + 3] ^= 1
    path.write_bytes(content)
    assert read_scalars(tmp_path)["loss"].steps.tolist() == [1, 2]
    assert f"byte {2 * size}: a record's length is damaged" in caplog.text


@given(st.integers(0, 200))
def test_a_file_cut_anywhere_gives_its_whole_records_without_a_warning(
    tmp_path_factory: pytest.TempPathFactory, kept: int
) -> None:
    folder = tmp_path_factory.mktemp("run")
    for step in range(5):
        write_step(folder, step)
    content = (folder / NAME).read_bytes()
    size = len(content) // 5
    (folder / NAME).write_bytes(content[:kept])
    faults: list[Damage] = []
    events = list(read_events(folder / NAME, faults.append))
    assert [event.step for event in events] == list(range(1, 1 + min(5, kept // size)))
    assert all(fault.torn for fault in faults)


def test_a_record_that_is_no_event_is_told(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(frame(b"\xff\xff\xff") + frame(Event(step=3).SerializeToString()))
    faults: list[Damage] = []
    assert [event.step for event in read_events(tmp_path / NAME, faults.append)] == [3]
    assert read_scalars(tmp_path, faults.append) == {}
    assert [fault.offset for fault in faults] == [0, 0]


def test_the_row_of_a_run_is_read_back(tmp_path: Path) -> None:
    hparams: dict[str, Hparam | None] = {
        "model": "cnn",
        "lr": 0.1,
        "layers": 3,
        "nesterov": True,
        "none": None,
        "clip": math.inf,
    }
    write_event_file(tmp_path, ".start", [start_info(hparams, "group", 100.0)])
    row = read_hparams(tmp_path)
    assert row is not None
    assert row.hparams == {"model": "cnn", "lr": 0.1, "layers": 3, "nesterov": True}
    assert type(row.hparams["nesterov"]) is bool
    assert (row.group, row.started, row.status) == ("group", 100.0, None)
    write_event_file(tmp_path, ".hpend", [end_info("interrupted", 200.0)])
    row = read_hparams(tmp_path)
    assert row is not None
    assert (row.status, row.ended) == ("interrupted", 200.0)


def test_a_folder_without_event_files_has_no_scalars_and_no_row(tmp_path: Path) -> None:
    assert read_scalars(tmp_path) == {}
    assert read_hparams(tmp_path) is None


def test_a_record_like_plain_ones_that_is_no_event_is_told(tmp_path: Path) -> None:
    payload = Event(
        wall_time=1.0, step=300, summary=Summary(value=[Summary.Value(tag="a", simple_value=1.0)])
    )
    sound = payload.SerializeToString()
    broken = bytearray(sound)
    broken[11] |= 0x80  # the step goes on into the next field
    (tmp_path / NAME).write_bytes(frame(sound) * 20 + frame(bytes(broken)))
    faults: list[Damage] = []
    assert read_scalars(tmp_path, faults.append)["a"].steps.tolist() == [300] * 20
    assert len(faults) == 1


def test_what_calls_itself_a_scalar_and_is_none_is_told(tmp_path: Path) -> None:
    event = Event(summary=scalar_pb("loss", 1.0))
    event.summary.value[0].tensor.CopyFrom(make_tensor_proto("much"))
    (tmp_path / NAME).write_bytes(frame(event.SerializeToString()))
    faults: list[Damage] = []
    assert read_scalars(tmp_path, faults.append) == {}
    assert "loss" in faults[0].reason
