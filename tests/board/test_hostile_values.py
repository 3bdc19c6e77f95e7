"""Event files whose hyperparameters are no numbers, and whose pictures claim to be larger than any memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite, isnan
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_DOUBLE, DT_STRING
from torch.utils.tensorboard.summary import hparams

from sweepboard.board.tfrecord import frame
from tests.command import Command

VERBS = ("ls", "compare", "report", "check", "doctor")
GROWTH = 500 * 2**20


@contextmanager
def bounded_memory() -> Iterator[None]:
    before = getrusage(RUSAGE_SELF).ru_maxrss * 1024
    yield
    assert getrusage(RUSAGE_SELF).ru_maxrss * 1024 - before < GROWTH


def write(folder: Path, *summaries: Summary) -> None:
    folder.mkdir(parents=True)
    scalar = Summary(value=[Summary.Value(tag="val/loss", simple_value=0.5)])
    events = [Event(wall_time=1.0, file_version="brain.Event:2")]
    events += [Event(step=1, wall_time=1.0, summary=one) for one in (*summaries, scalar)]
    whole = b"".join(frame(event.SerializeToString()) for event in events)
    (folder / "events.out.tfevents.1.here").write_bytes(whole)


def read_all(command: Command, **codes: int) -> dict[str, str]:
    """What the verbs say of both runs below `all`: each ends, and none takes the table away."""
    said = {}
    with bounded_memory():
        for verb in VERBS:
            one = command(verb, "all", code=codes.get(verb, 0))
            said[verb] = one.out + one.err
            assert "Traceback" not in said[verb]
        rows = command("compare", "all", "--json").json
    assert {row["name"]: row["metrics"]["val/loss"]["last"]["mean"] for row in rows} == {
        "odd": 0.5,
        "whole": 0.5,
    }
    return said


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e308])
def test_hyperparameters_that_are_no_numbers(value: float, command: Command) -> None:
    for name, lr in (("odd", value), ("whole", 0.1)):
        row = hparams({"lr": lr, "model": "mlp"}, {})  # type: ignore[no-untyped-call]
        write(Path("all", name), *row)
    said = read_all(command, doctor=0 if isfinite(value) else 1, check=1 if isnan(value) else 0)
    assert ("bad-hparam: odd: the hparam lr is " in said["doctor"]) == (not isfinite(value))
    assert ("damage: odd: lr is nan" in said["check"]) == isnan(value)
    assert "2 runs over lr: " in said["check"]


def media(plugin: str, shape: list[int], kind: int, content: bytes) -> Summary:
    """A picture, sound or histogram of `shape` by its word, with next to nothing in it."""
    dims = [TensorShapeProto.Dim(size=size) for size in shape]
    tensor = TensorProto(dtype=kind, tensor_shape=TensorShapeProto(dim=dims))
    if kind == DT_STRING:
        tensor.string_val.append(content)
    else:
        tensor.tensor_content = content
    plugin_data = SummaryMetadata.PluginData(plugin_name=plugin)
    return Summary(
        value=[Summary.Value(tag=plugin, tensor=tensor, metadata=SummaryMetadata(plugin_data=plugin_data))]
    )


def one_for_many(shape: list[int]) -> Summary:
    """A scalar whose one number stands for a whole tensor, which a reader would fill with it."""
    summary = media("scalars", shape, DT_DOUBLE, b"")
    summary.value[0].tensor.double_val.append(1.0)
    return summary


OLD_IMAGE = Summary.Image(height=2**31 - 1, width=2**31 - 1, colorspace=4, encoded_image_string=b"x")
OLD_AUDIO = Summary.Audio(sample_rate=1e30, num_channels=2**60, length_frames=2**62)
ABSURD = {
    "an image": media("images", [2**40], DT_STRING, b"x"),
    "an image of old": Summary(value=[Summary.Value(tag="i", image=OLD_IMAGE)]),
    "a sound": media("audio", [2**31, 2**31], DT_STRING, b"x"),
    "a sound of old": Summary(value=[Summary.Value(tag="a", audio=OLD_AUDIO)]),
    "a histogram": media("histograms", [2**40, 3], DT_DOUBLE, b"\0" * 24),
    "a negative one": media("histograms", [-1, 3], DT_DOUBLE, b"\0" * 7),
    "a histogram of old": Summary(
        value=[Summary.Value(tag="h", histo=HistogramProto(num=1e300, bucket_limit=[1.0], bucket=[]))]
    ),
    "scalars": media("scalars", [2**62, 4], DT_DOUBLE, b"\0" * 8),
    "one scalar for many": one_for_many([2**27]),
}
NO_NUMBERS = ("scalars", "one scalar for many")


@pytest.mark.parametrize("kind", ABSURD)
def test_absurd_shapes(kind: str, command: Command) -> None:
    write(Path("all/odd"), ABSURD[kind])
    write(Path("all/whole"))
    said = read_all(command, doctor=1 if kind in NO_NUMBERS else 0)["doctor"]
    assert ("the scalar scalars is no number" in said) == (kind in NO_NUMBERS)
