"""Event files that claim more than they hold: no memory is taken on their word, and nothing waits."""

from __future__ import annotations

import struct
import time
import tracemalloc
from pathlib import Path

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT

from sweepboard.analysis.logdir import read_log_dir
from sweepboard.board.event_reader import read_hparams
from sweepboard.board.scalar_reader import read_scalars
from sweepboard.board.tfrecord import BLOCK_BYTES, MOST_BYTES, Damage, frame, masked_crc, records

NAME = "events.out.tfevents.1.here"


def _header(length: int) -> bytes:
    packed = struct.pack("<Q", length)
    return packed + struct.pack("<I", masked_crc(packed))


def _sparse(path: Path, start: bytes, size: int) -> None:
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)


@pytest.mark.parametrize("length", [2**40, 2**63, 2**64 - 1, 3 * 2**30 + 1])
def test_a_length_beyond_the_file_takes_no_memory(tmp_path: Path, length: int) -> None:
    _sparse(tmp_path / NAME, frame(b"one") + _header(length), 3 * 2**30)
    damages: list[Damage] = []
    tracemalloc.start()
    found = list(records(tmp_path / NAME, damages.append))
    assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    tracemalloc.stop()
    assert [record.payload for record in found] == [b"one"]
    assert [damage.torn for damage in damages] == [True]


def test_a_record_longer_than_any_is_passed_over_and_told(tmp_path: Path) -> None:
    path = tmp_path / NAME
    _sparse(path, frame(b"one") + _header(2 * MOST_BYTES), 2 * MOST_BYTES + 4 + 12 + len(frame(b"one")))
    with path.open("ab") as file:
        file.write(frame(b"two"))
    damages: list[Damage] = []
    assert [record.payload for record in records(path, damages.append)] == [b"one", b"two"]
    assert "bytes is left out" in damages[0].reason


def test_a_record_of_many_blocks_is_read_at_once(tmp_path: Path) -> None:
    payload = b"x" * (5 * BLOCK_BYTES + 3)
    (tmp_path / NAME).write_bytes(frame(b"one") + frame(payload) + frame(b"two"))
    assert [record.payload for record in records(tmp_path / NAME)] == [b"one", payload, b"two"]


@pytest.mark.parametrize("shape", [[2**40], [2**20, 2**20], [2**62, 4], [0], [-1]])
def test_a_tensor_that_claims_a_shape_is_no_scalar(tmp_path: Path, shape: list[int]) -> None:
    tensor = TensorProto(
        dtype=DT_FLOAT,
        float_val=[1.0],
        tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in shape]),
    )
    plugin = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))
    values = [Summary.Value(tag="a", tensor=tensor, metadata=plugin), Summary.Value(tag="b", simple_value=1)]
    event = Event(step=1, wall_time=1.0, summary=Summary(value=values))
    (tmp_path / NAME).write_bytes(frame(event.SerializeToString()))
    damages: list[Damage] = []
    assert list(read_scalars(tmp_path, damages.append)) == ["b"]
    assert "is no number" in damages[0].reason


def test_a_terabyte_of_holes_is_not_searched(tmp_path: Path) -> None:
    for name in (NAME, f"{NAME}.copy"):
        _sparse(tmp_path / name, frame(b""), 2**40)
    assert read_hparams(tmp_path, lambda _: None) is None
    assert read_log_dir(tmp_path).runs


def test_folders_linked_with_each_other_are_each_read_a_few_times(tmp_path: Path) -> None:
    for one in range(8):
        folder = tmp_path / f"run{one}"
        folder.mkdir()
        (folder / NAME).write_bytes(frame(b""))
        for other in range(8):
            (folder / f"to{other}").symlink_to(tmp_path / f"run{other}")
    (tmp_path / "run0" / "up").symlink_to("..")
    started = time.process_time()
    log = read_log_dir(tmp_path)
    assert len(log.runs) == 8
    assert len(log.twins) < 100  # and not 8 to the power of 40
    assert time.process_time() - started < 10
