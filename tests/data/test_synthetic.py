"""The line and the noise."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sweepboard.data.datasets.synthetic import Gaussian, Line
from sweepboard.data.prepare import prepare_data
from sweepboard.data.types import TensorSplit
from sweepboard.errors import ConfigError
from sweepboard.settings import DatasetSettings


def test_gradient_descent_finds_the_line_in_its_own_units() -> None:
    line = Line()
    data = prepare_data(line, DatasetSettings(batch_size=10, val_fraction=0), 0, torch.device("cpu"))
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(30):
        for inputs, targets in data.train.epoch(epoch):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert line.in_own_units(model.weight.item(), model.bias.item()) == pytest.approx((2, 1), abs=1e-3)


@settings(deadline=None)
@given(slope=st.floats(-100, 100), intercept=st.floats(-100, 100), samples=st.integers(2, 200))
def test_the_least_squares_fit_in_own_units_is_the_line(slope: float, intercept: float, samples: int) -> None:
    line = Line(samples, slope, intercept)
    train = line.load().train
    assert isinstance(train, TensorSplit)
    x, y = train.inputs.double(), train.targets.double()
    assert x.mean().item() == pytest.approx(0, abs=1e-5)
    assert x.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    found = line.in_own_units(float((x * y).sum() / (x * x).sum()), float(y.mean()))
    assert found == pytest.approx((slope, intercept), rel=1e-4, abs=1e-3)


def test_noise_is_the_same_every_time_and_of_its_size() -> None:
    noisy, still = Line(2000, noise=5.0), Line(2000)
    assert torch.equal(noisy._own[1], Line(2000, noise=5.0)._own[1])
    assert (noisy._own[1] - still._own[1]).std().item() == pytest.approx(5, rel=0.1)


def test_gaussian_numbers_are_the_data_set_s_own() -> None:
    def load(seed: int) -> TensorSplit:
        train = Gaussian(seed=seed).load().train
        assert isinstance(train, TensorSplit)
        return train

    torch.manual_seed(1)
    first = load(0)
    torch.manual_seed(2)
    assert torch.equal(first.inputs, load(0).inputs)
    assert not torch.equal(first.inputs, load(1).inputs)
    assert first.inputs.shape == (1000, 32)
    assert set(first.targets.tolist()) == set(range(10))


@pytest.mark.parametrize(
    ("source", "arguments"),
    [
        (Line, {"samples": 1}),
        (Gaussian, {"samples": 0}),
        (Gaussian, {"features": 0}),
        (Gaussian, {"classes": 0}),
    ],
)
def test_sizes_that_make_no_data_set_are_named(source: type, arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"dataset.{next(iter(arguments))} must be at least"):
        source(**arguments)
