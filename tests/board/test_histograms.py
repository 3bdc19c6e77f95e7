"""Histograms count every value once, and say so where there is nothing to count."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray
from torch import nn

from sweepboard.board.event_writer import EventWriter
from sweepboard.board.histograms import BINS, Histograms, buckets_of
from tests.board.tiny import IMAGES, Net, tiny_run


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_every_value_is_counted_between_the_extremes(values: list[float]) -> None:
    buckets = buckets_of(torch.tensor(values))
    assert buckets is not None
    left, right, counts = buckets.T
    assert counts.sum() == len(values)
    assert (counts >= 0).all()
    assert left[0] == min(values)
    assert right[-1] == max(values)
    assert (left <= right).all()


def test_buckets_are_those_of_numpy() -> None:
    values = torch.randn(10_000, generator=torch.Generator().manual_seed(0))
    buckets = buckets_of(values)
    assert buckets is not None
    counts, edges = np.histogram(values.double().numpy(), bins=BINS)
    assert np.abs(buckets[:, 2] - counts).sum() <= 10, "a value on an edge may go either way"
    np.testing.assert_allclose(buckets[:, 0], edges[:-1])


@pytest.mark.parametrize(
    "tensor", [torch.zeros(0), torch.tensor([1.0, math.nan]), torch.tensor([math.inf, 0.0])]
)
def test_what_has_no_histogram(tensor: torch.Tensor) -> None:
    assert buckets_of(tensor) is None


def test_every_parameter_on_schedule_and_at_the_end(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path)
    tiny_run([Histograms(writer, 2)], epochs=5, steps=23)
    writer.close()
    events = EventAccumulator(str(tmp_path), {"tensors": 0}).Reload()
    learnt = {name for name, parameter in Net(IMAGES).named_parameters() if parameter.requires_grad}
    expected = {f"weights/{name}{kind}" for kind in ("", ".grad") for name in learnt}
    assert set(events.Tags()["tensors"]) == expected | {"weights/frozen"}
    points = events.Tensors("weights/head.weight")
    assert [point.step for point in points] == [10, 20, 23], "every second epoch of five updates, and the end"
    assert make_ndarray(points[0].tensor_proto).shape == (BINS, 3)
    assert make_ndarray(points[0].tensor_proto)[:, 2].sum() == 256 * 3


class Strange(nn.Module):
    """An embedding with sparse gradients, an empty parameter, and one that turns to NaN."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(4, 2, sparse=True)
        self.empty = nn.Parameter(torch.zeros(0))
        self.broken = nn.Parameter(torch.full((3,), math.nan))


def test_one_warning_names_the_first_that_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:

    model = Strange()
    model.table(torch.tensor([1, 1])).sum().backward()
    writer = EventWriter(tmp_path)
    histograms = Histograms(writer, 1)
    with caplog.at_level(logging.WARNING, "sweepboard"):
        for step in (1, 2):
            learner = SimpleNamespace(model=model)
            histograms.on_epoch_end(SimpleNamespace(learner=learner, epoch=step, step=step))  # type: ignore[arg-type]
    writer.close()
    expected = "no histogram of weights/empty at step 1: it is empty or holds NaN or infinity"
    assert [record.getMessage() for record in caplog.records] == [expected]
    tags = EventAccumulator(str(tmp_path)).Reload().Tags()["tensors"]
    assert set(tags) == {"weights/table.weight", "weights/table.weight.grad"}


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (-3.4e38, 3.4e38, torch.float32),
        (0.0, 1.4e-45, torch.float32),
        (-1e-42, 1e-42, torch.float32),
        (-1.7e308, 1.7e308, torch.float64),
        (-65504.0, 65504.0, torch.float16),
        (-3e38, 3e38, torch.bfloat16),
    ],
)
def test_the_largest_and_the_smallest_numbers_have_their_places(
    low: float, high: float, dtype: torch.dtype
) -> None:
    buckets = buckets_of(torch.tensor([low, low, low, high], dtype=dtype))
    assert buckets is not None
    assert np.isfinite(buckets).all()
    assert (buckets[0, 2], buckets[-1, 2], buckets[:, 2].sum()) == (3, 1, 4)
    assert (np.diff(buckets[:, 0]) >= 0).all()


def test_complex_numbers_count_with_both_parts() -> None:
    buckets = buckets_of(torch.tensor([1 + 2j, 3 - 4j]))
    assert buckets is not None
    assert (buckets[0, 0], buckets[-1, 1], buckets[:, 2].sum()) == (-4.0, 3.0, 4)
