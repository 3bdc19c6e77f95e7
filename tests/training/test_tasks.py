"""Losses and metrics, added up over batches of any size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score  # type: ignore[import-untyped]
from torch import Tensor, nn

from sweepboard.data.types import DataSpec
from sweepboard.errors import ConfigError
from sweepboard.training.meter import Meter
from sweepboard.training.task import Step, Task, as_step
from sweepboard.training.tasks import (
    Classification,
    MultiLabel,
    Regression,
    Supervised,
    as_task,
    metric_names,
)


def measured(task: Supervised, outputs: Tensor, targets: Tensor, *sizes: int) -> dict[str, float]:
    meter = Meter(task)
    parts = zip(outputs.split(list(sizes)), targets.split(list(sizes)), strict=True)  # type: ignore[no-untyped-call]
    for some_outputs, some_targets in parts:
        meter.add(stepped(task, some_outputs, some_targets))
    return meter.metrics()


def stepped(task: Task, outputs: Tensor, targets: Tensor) -> Step:
    """What the task measures for a model that gives `outputs`."""
    return as_step(task, task.training_step(lambda _: outputs, (outputs, targets)), targets)


def test_classification_over_uneven_batches() -> None:
    torch.manual_seed(0)
    outputs, targets = torch.randn(20, 30), torch.randint(30, (20,))
    values = measured(Classification(), outputs, targets, 9, 10, 1)
    ranks = outputs.argsort(1, descending=True).eq(targets[:, None]).float().argmax(1)
    assert values["accuracy"] == float((ranks == 0).double().mean())
    assert values["top5"] == float((ranks < 5).double().mean())
    assert values["loss"] == pytest.approx(float(nn.functional.cross_entropy(outputs, targets)))


@given(st.integers(2, 12), st.sampled_from([(), (1,), (3,), (2, 2)]), st.integers(0, 10**6))
def test_labels_are_measured_as_by_scikit_learn(count: int, shape: tuple[int, ...], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randn(count, *shape, generator=generator)
    targets = torch.randint(2, (count, *shape), generator=generator).float()
    values = measured(MultiLabel(), outputs, targets, count // 2, count - count // 2)
    true, chosen = targets.reshape(count, -1).numpy(), (outputs.reshape(count, -1) > 0).numpy()
    assert values["f1"] == pytest.approx(f1_score(true.ravel(), chosen.ravel(), zero_division=0))
    assert values["exact_match"] == pytest.approx((true == chosen).all(1).mean())
    assert values["accuracy"] == pytest.approx((true == chosen).mean())
    assert ("f1_macro" in values) == (shape == (3,))
    if shape == (3,):
        assert values["f1_macro"] == pytest.approx(f1_score(true, chosen, average="macro", zero_division=0))
    loss = nn.functional.binary_cross_entropy_with_logits(outputs, targets)
    assert values["loss"] == pytest.approx(float(loss), rel=1e-5)


def test_labels_that_are_not_predicted_are_not_right() -> None:
    values = measured(MultiLabel(), torch.full((4, 3), float("nan")), torch.zeros(4, 3), 4)
    assert (values["accuracy"], values["exact_match"], values["f1"]) == (0, 0, 0)


def test_top5_only_where_it_says_something() -> None:
    assert metric_names(Classification(), DataSpec((2,), 10)) == ["loss", "accuracy"]
    assert metric_names(Classification(), DataSpec((2,), 20)) == ["loss", "accuracy", "top5"]
    assert metric_names(Regression(), DataSpec((2,), None, (3,))) == ["loss", "mae", "r2"]
    labels = ["loss", "f1", "f1_macro", "accuracy", "exact_match"]
    assert metric_names(MultiLabel(), DataSpec((2,), None, (3,))) == labels


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_equal_outputs_are_not_all_correct(value: float) -> None:
    targets = torch.arange(1, 10)
    assert measured(Classification(), torch.full((9, 10), value), targets, 9)["accuracy"] == 0.0


def test_dense_targets_count_per_sample() -> None:
    targets = torch.randint(3, (4, 5, 5))
    outputs = nn.functional.one_hot(targets, 3).movedim(-1, 1).float()
    outputs[0] = -outputs[0]
    assert 0.75 <= measured(Classification(), outputs, targets, 3, 1)["accuracy"] < 1.0


@given(shape=st.sampled_from([(), (1,), (3,), (2, 2)]), offset=st.sampled_from([0.0, 1000.0]))
@settings(deadline=None, max_examples=20)
def test_regression_over_uneven_batches(shape: tuple[int, ...], offset: float) -> None:
    torch.manual_seed(0)
    targets = torch.randn(12, *shape) + offset
    outputs = (targets + 0.3 * torch.randn(12, *shape)).reshape(12, -1)
    values = measured(Regression(), outputs, targets, 5, 6, 1)
    truth, guess = targets.reshape(12, -1).double(), outputs.double()
    assert values["loss"] == pytest.approx(float((guess - truth).square().mean()), rel=1e-5)
    assert values["mae"] == pytest.approx(float((guess - truth).abs().mean()))
    total = (truth - truth.mean(0)).square().sum()
    assert values["r2"] == pytest.approx(float(1 - (guess - truth).square().sum() / total), rel=1e-6)


def test_a_column_never_broadcasts_against_a_row() -> None:
    targets = torch.tensor([1.0, 2.0, 3.0])
    assert Regression().loss(targets[:, None], targets) == 0.0
    with pytest.raises(ConfigError, match=r"the model gives \(3, 2\) for targets of shape \(3,\)"):
        Regression().loss(torch.zeros(3, 2), targets)


def test_constant_targets_have_an_r2() -> None:
    same = torch.ones(4)
    assert measured(Regression(), same, same, 4)["r2"] == 1.0
    assert measured(Regression(), same + 1, same, 4)["r2"] == 0.0


class Renamed(Classification):
    """A task whose words are given."""

    def __init__(self, statistic: str, metric: str) -> None:
        super().__init__()
        self.statistic, self.metric = statistic, metric

    def statistics(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return {self.statistic: torch.zeros(()), **super().statistics(outputs, targets)}

    def metrics(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
        return {self.metric: 0.0, **super().metrics(sums)}


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (Renamed("loss", "f1"), "a statistic called loss"),
        (Renamed("count", "f1"), "a statistic called count"),
        (Renamed("hits", "loss"), "a metric called loss"),
        (Renamed("hits", "count"), "a metric called count"),
    ],
)
def test_a_task_cannot_replace_what_the_runner_adds_up(task: Task, told: str) -> None:
    with pytest.raises(ConfigError, match=f"^task: Renamed gives {told}, which is the runner's own"):
        metric_names(task, DataSpec((2,), 3))
    assert metric_names(Renamed("hits", "f1"), DataSpec((2,), 3)) == ["loss", "f1", "accuracy"]


def test_a_plain_loss_becomes_the_task_that_fits_the_data() -> None:
    classes, numbers = DataSpec((2,), 3), DataSpec((2,), None)
    assert as_task(Regression(), numbers).primary_metric == "loss"
    wrapped: Any = as_task(nn.CrossEntropyLoss(label_smoothing=0.1), classes)
    smoothed = Classification(label_smoothing=0.1)
    outputs, targets = torch.randn(4, 3), torch.tensor([0, 1, 2, 1])
    assert wrapped.primary_metric == "accuracy"
    assert wrapped.loss(outputs, targets) == smoothed.loss(outputs, targets)
    assert isinstance(as_task(nn.BCEWithLogitsLoss(), numbers), MultiLabel)
    wrapped = as_task(nn.functional.l1_loss, numbers)
    assert wrapped.loss(torch.ones(2, 1), torch.zeros(2)) == 1.0
    with pytest.raises(ConfigError, match="neither a task nor a loss"):
        as_task(3, classes)


def test_a_step_takes_model_and_batch() -> None:
    class Lightnings(Task):
        def training_step(self, model: Any, batch: Any, batch_index: int) -> Tensor:  # type: ignore[override]
            raise NotImplementedError

    class Own(Task):
        def evaluation_step(self, batch: Any) -> Tensor:  # type: ignore[override]
            raise NotImplementedError

    for task, takes in ((Lightnings(), "model, batch, batch_index"), (Own(), "batch")):
        with pytest.raises(ConfigError, match=rf"takes \({takes}\), but it is called with \(model, batch\)"):
            as_task(task, None)


@given(cuts=st.lists(st.integers(0, 1), min_size=9, max_size=9))
@settings(deadline=None, max_examples=30)
def test_a_meter_does_not_depend_on_when_it_was_fetched_or_saved(cuts: list[int]) -> None:
    torch.manual_seed(0)
    whole, pieces = Meter(Regression()), Meter(Regression())
    for cut in cuts:
        outputs, targets = torch.randn(3, 1), torch.randn(3)
        for meter in (whole, pieces):
            meter.add(stepped(Regression(), outputs, targets))
        if cut:
            state = pieces.state_dict()
            pieces = Meter(Regression())
            pieces.load_state_dict(state)
    assert pieces.metrics() == whole.metrics()
    assert pieces.samples == 27


def test_probabilities_as_targets_count_by_the_likeliest_class() -> None:
    """As mixup makes them; class weights are then no part of what the loss is a mean over."""
    outputs = torch.tensor([[3.0, 1.0], [0.0, 2.0], [5.0, 0.0]])
    soft = torch.tensor([[0.8, 0.2], [0.6, 0.4], [1.0, 0.0]])
    for loss in (None, torch.nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0]))):
        task = Classification(loss)
        assert task.statistics(outputs, soft)["correct"] == 2
        assert task.loss_weight(soft) is None
        both = task.loss(outputs, soft)
        each = torch.stack([task.loss(outputs[[i]], soft[[i]]) for i in range(3)])
        assert torch.isclose(both, each.mean())
    wide, targets = torch.eye(20), torch.eye(20).roll(1, 0) * 0.6 + 0.02
    assert (
        Classification().statistics(wide, targets)["top5"]
        == Classification().statistics(wide, targets.argmax(1))["top5"]
    )
