"""What curves come to, alone and over seeds."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sweepboard.analysis.curves import band, smoothed, sorted_by_step
from sweepboard.analysis.metrics import Score, score, spread
from sweepboard.metric_names import metric_tags, mode_of

FLOATS = st.floats(-1e6, 1e6)
CURVES = st.dictionaries(st.integers(0, 20), FLOATS, min_size=1)


def points(curve: dict[int, float]) -> tuple[np.ndarray, np.ndarray]:
    steps = np.array(sorted(curve), dtype=np.int64)
    return steps, np.array([curve[step] for step in steps], dtype=np.float64)


@pytest.mark.parametrize(
    ("tag", "mode"),
    [
        ("val/loss", "min"),
        ("val_loss", "min"),
        ("epoch_loss", "min"),
        ("val/accuracy", "max"),
        ("test/MAE", "min"),
        ("valLoss", "min"),
        ("val/r2", "max"),
        ("rmse", "min"),
        ("classification_error", "min"),
        ("bleu", "max"),
        ("maestro", "unknown"),
    ],
)
def test_the_better_way_follows_from_the_name(tag: str, mode: str) -> None:
    assert mode_of(tag) == mode
    assert mode_of(tag, {tag: "told"}) == "told"


def test_metrics_come_the_most_telling_first() -> None:
    tags = [
        "train/lr",
        "train/epoch",
        "train/samples_per_second",
        "train/loss",
        "train/accuracy",
        "val/loss",
        "val/accuracy",
    ]
    tags += [
        "test/accuracy",
        "test/loss",
        "best/val_accuracy",
        "val_best/accuracy",
        "val/top5",
        "hp_metric",
        "lr-Adam",
    ]
    assert metric_tags(tags, "accuracy") == [
        "val/accuracy",
        "test/accuracy",
        "val/top5",
        "val/loss",
        "test/loss",
        "train/accuracy",
        "train/loss",
    ]


def test_a_score_skips_what_is_not_finite_but_ends_where_the_run_ended() -> None:
    steps = np.array([10, 20, 30, 40])
    values = np.array([0.5, 0.2, 0.2, np.nan])
    best = score(steps, values, "min")
    assert best is not None
    assert (best.best, best.step) == (0.2, 20)
    assert math.isnan(best.last)
    assert score(steps[:3], values[:3], "max") == Score(0.2, 0.5, 10)
    nothing = score(steps, np.full(4, np.nan), "min")
    assert nothing is not None
    assert math.isnan(nothing.last)
    assert (nothing.best, nothing.step) == (None, None)
    assert score(steps[:3], values[:3], "unknown") == Score(0.2, None, None), "no best is claimed"
    assert score(steps[:0], values[:0], "min") is None


@given(st.lists(FLOATS | st.sampled_from([None, math.nan, math.inf]), max_size=6))
def test_spread_is_what_the_statistics_module_says(values: list[float | None]) -> None:
    finite = [value for value in values if value is not None and math.isfinite(value)]
    found = spread(values)
    if not finite:
        assert found is None
        return
    assert found is not None
    assert found.n == len(finite)
    assert found.mean == pytest.approx(statistics.fmean(finite), rel=1e-9, abs=1e-6)
    if len(finite) == 1:
        assert found.std is None
    else:
        assert found.std == pytest.approx(statistics.stdev(finite), rel=1e-6, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 9), FLOATS), min_size=1))
def test_of_a_step_written_twice_the_later_value_stands(written: list[tuple[int, float]]) -> None:
    steps, values = (np.array(column) for column in zip(*written, strict=True))
    once = sorted_by_step(steps, values)
    assert dict(zip(once[0].tolist(), once[1].tolist(), strict=True)) == dict(written)
    assert np.all(np.diff(once[0]) > 0)


@given(st.lists(CURVES, min_size=1, max_size=5))
def test_a_band_is_over_all_runs_at_every_step(curves: list[dict[int, float]]) -> None:
    common = sorted(set.intersection(*(set(curve) for curve in curves)))
    found = band([points(curve) for curve in curves])
    assert found.steps.tolist() == common
    assert found.runs == len(curves)
    for step, mean, std in zip(common, found.mean, found.std, strict=True):
        values = [curve[step] for curve in curves]
        assert min(values) - 1e-6 <= mean <= max(values) + 1e-6
        assert std == pytest.approx(statistics.stdev(values) if len(values) > 1 else 0.0, rel=1e-6, abs=1e-6)


@given(arrays.arrays(np.float64, st.integers(0, 20), elements=FLOATS), st.floats(0, 0.99))
def test_smoothing_stays_within_what_was_seen(values: np.ndarray, weight: float) -> None:
    smooth = smoothed(values, weight)
    for index, value in enumerate(smooth):
        seen = values[: index + 1]
        assert seen.min() - 1e-6 <= value <= seen.max() + 1e-6


def test_smoothing_is_tensorboards() -> None:
    # (w * 0 + (1 - w) * x0) / (1 - w), then (w * ... + (1 - w) * x1) / (1 - w ** 2)
    values = np.array([1.0, np.nan, 2.0])
    np.testing.assert_allclose(smoothed(values, 0.6), [1.0, np.nan, (0.6 * 0.4 + 0.4 * 2) / (1 - 0.36)])
    assert smoothed(values, 0) is values
