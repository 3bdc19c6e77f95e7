"""Tasks that look into the batch themselves: what they return is measured, and what they ask for is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchmetrics
from torch import Tensor, nn

from sweepboard.data.types import Data
from sweepboard.errors import ConfigError, RunFailed
from sweepboard.settings import EarlyStopping, TrainerSettings
from sweepboard.testing.small_run import SmallBatches
from sweepboard.training.evaluate import evaluate
from sweepboard.training.intervals import Intervals
from sweepboard.training.meter import Meter
from sweepboard.training.monitor import Monitor
from sweepboard.training.progress import Measured, Progress
from sweepboard.training.task import Step, Task, as_step
from sweepboard.training.tasks import Classification, Supervised, as_task
from tests.training.labelled import Labelled, batches, learner_of


def test_values_are_means_over_samples_and_sums_give_metrics() -> None:
    ours = learner_of(Labelled())
    whole = batches(1, 11)[0]
    parts = [{name: value[a:b] for name, value in whole.items()} for a, b in ((0, 4), (4, 10), (10, 11))]
    assert evaluate(ours, parts) == pytest.approx(evaluate(ours, [whole]))
    assert evaluate(ours, parts).keys() == {"loss", "accuracy", "entropy"}


@pytest.mark.parametrize("returned", ["step", "tensor", "mapping"])
def test_a_step_returns_a_loss_a_mapping_or_a_step(returned: str) -> None:
    class Simple(Task):
        def training_step(self, model: Any, batch: Any) -> Any:
            loss = model(batch["x"]).square().mean()
            return {"step": Step(loss), "tensor": loss, "mapping": {"loss": loss, "kl": loss * 2}}[returned]

    ours = learner_of(Simple())
    ours.update(batches(1))
    found = ours.meter.metrics()
    assert found == ({"loss": found["loss"], "kl": found["loss"] * 2} if returned == "mapping" else found)


def test_anything_else_is_told() -> None:
    class Wrong(Task):
        def training_step(self, model: Any, batch: Any) -> Any:
            return model(batch["x"]).square().mean().item()

    with pytest.raises(ConfigError, match=r"a step of Wrong returned a float: return the loss as a tensor"):
        learner_of(Wrong()).update(batches(1))

    class NoTensor(Task):
        def training_step(self, model: Any, batch: Any) -> Any:
            return model(torch.ones(1, 3)).mean()

    with pytest.raises(RunFailed, match=r"tells how many samples it holds: return Step\(loss, samples"):
        learner_of(NoTensor()).update([{"text": "words"}])
    with pytest.raises(
        ConfigError, match="learns from pairs of an input and a target, and a batch here is a"
    ):
        learner_of(Classification()).update(batches(1))


def test_a_pair_of_another_length_is_no_pair() -> None:
    with pytest.raises(ConfigError, match=r"a batch here is a list of 3 \(Tensor, Tensor, Tensor\)"):
        learner_of(Classification()).update([[torch.ones(2, 3)] * 3])


def test_an_evaluation_may_have_no_loss_and_a_training_step_has_one() -> None:
    class NoLoss(Task):
        shown: type = dict

        def training_step(self, model: Any, batch: Any) -> Any:
            return model(batch["x"]).square().mean()

        def evaluation_step(self, model: Any, batch: Any) -> Any:
            values = {"hits": (model(batch["x"]).argmax(1) == batch["label"]).float().mean()}
            return values if self.shown is dict else Step(None, values=values)

    ours = learner_of(NoLoss())
    ours.update(batches(1))
    assert ours.meter.metrics().keys() == {"loss"}
    assert evaluate(ours, batches(2)).keys() == {"hits"}
    ours.task.shown = Step  # type: ignore[attr-defined]
    assert evaluate(ours, batches(2)).keys() == {"hits"}
    ours.task.training_step = ours.task.evaluation_step  # type: ignore[method-assign]
    with pytest.raises(ConfigError, match="returned no loss: only evaluation_step may leave it out"):
        ours.update(batches(1))


def test_a_tensor_with_something_else_is_a_batch_of_a_task() -> None:
    class Named(Task):
        def training_step(self, model: Any, batch: Any) -> Any:
            inputs, texts = batch
            assert texts == ["a", "b"]
            return model(inputs).square().mean()

    assert learner_of(Named()).update([(torch.ones(2, 3), ["a", "b"])]).isfinite()


def test_own_names_stay_the_runners() -> None:
    class Loud(Labelled):
        def metrics(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
            return {"loss": 0.0}

    ours = learner_of(Loud())
    ours.update(batches(1))
    with pytest.raises(ConfigError, match="gives a metric called loss, which is the runner's own"):
        ours.meter.metrics()


class Weighted(Task):
    """A loss with weights: the mean over the sum of weights."""

    def training_step(self, model: Any, batch: Any) -> Step:
        weights = batch["label"] + 0.5
        losses = F.cross_entropy(model(batch["x"]), batch["label"], reduction="none")
        return Step((losses * weights).sum() / weights.sum(), weight=weights.sum())


@pytest.mark.parametrize(
    "task", [Weighted(), Classification(nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0])))]
)
def test_a_weighted_loss_does_not_depend_on_how_batches_are_cut(task: Task) -> None:
    x, label = batches(1, 11)[0].values()
    ours, theirs = learner_of(task), learner_of(task)
    ours.model.eval()
    theirs.model.eval()
    cuts = list(zip(x.split([4, 6, 1]), label.split([4, 6, 1]), strict=True))  # type: ignore[no-untyped-call]
    if isinstance(task, Weighted):
        whole: list[Any] = [{"x": x, "label": label}]
        parts: list[Any] = [{"x": a, "label": b} for a, b in cuts]
    else:
        whole, parts = [(x, label)], list(cuts)
    assert evaluate(ours, whole) == pytest.approx(evaluate(ours, parts))
    assert float(ours.update(whole)) == pytest.approx(float(theirs.update(parts)))
    for a, b in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_ignored_pixels_count_nowhere() -> None:
    task = Classification(nn.CrossEntropyLoss(ignore_index=255))
    outputs = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    targets = torch.randint(3, (4, 2, 2), generator=torch.Generator().manual_seed(1))
    targets[0], targets[1, 0] = 255, 255

    def measured(*sizes: int) -> dict[str, float]:
        meter = Meter(task)
        for some, truth in zip(outputs.split(list(sizes)), targets.split(list(sizes)), strict=True):  # type: ignore[no-untyped-call]
            meter.add(as_step(task, task.training_step(lambda _, some=some: some, (some, truth)), truth))
        return meter.metrics()

    assert measured(1, 3) == pytest.approx(measured(4))
    assert measured(4)["loss"] == pytest.approx(float(F.cross_entropy(outputs, targets, ignore_index=255)))


class Measuring(Labelled):
    """Holds objects of torchmetrics, alone and in containers."""

    def __init__(self) -> None:
        self.f1 = torchmetrics.F1Score("multiclass", num_classes=2)
        self.area = torchmetrics.AUROC("binary")  # keeps every score in a list
        self.more = torchmetrics.MetricCollection({"error": torchmetrics.MeanSquaredError()})

    def training_step(self, model: Any, batch: Any) -> Step:
        logits = model(batch["x"])
        self.f1.update(logits, batch["label"])
        self.area.update(logits.softmax(1)[:, 1].detach(), batch["label"])
        self.more.update(logits.argmax(1).float(), batch["label"].float())
        return super().training_step(model, batch)


def test_metric_objects_are_measured_on_each_split_alone() -> None:
    ours, data = learner_of(Measuring()), batches(4)
    ours.update(data[:1])
    outside = evaluate(ours, data[1:3])
    ours.update(data[3:])
    loss = ours.evaluation_step(data[0]).loss  # only runs the model
    assert loss is not None
    assert loss.isfinite()
    fresh = Measuring()
    learner = learner_of(fresh)
    learner.update(data[:1])
    assert evaluate(learner, data[1:3]) == outside
    assert outside.keys() == {"loss", "accuracy", "entropy", "f1", "area", "error"}


def test_metric_objects_survive_a_checkpoint_and_are_reset_by_logging(tmp_path: Any) -> None:
    data = batches(6)
    whole, first, second = (learner_of(Measuring()) for _ in range(3))
    torch.manual_seed(5)
    for batch in data:
        whole.update([batch])
    torch.manual_seed(5)
    for batch in data[:3]:
        first.update([batch])
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for batch in data[3:]:
        second.update([batch])
    assert second.meter.metrics() == whole.meter.metrics()
    second.meter.clear()
    second.update(data[:1])
    again = learner_of(Measuring())
    again.model.load_state_dict(second.model.state_dict())
    assert second.task.f1.update_count == 1  # type: ignore[attr-defined]


def test_directions_come_from_the_task_the_object_or_the_name() -> None:
    class Judging(Measuring):
        modes = {"entropy": "max"}  # noqa: RUF012

    settings = TrainerSettings(early_stopping=EarlyStopping(metric="f1"))
    monitor = Monitor.of(settings, Judging(), None).seen(
        {"loss": 1.0, "accuracy": 0.5, "f1": 0.5, "error": 0.1, "entropy": 1.0, "kl": 2.0}, 1
    )
    modes = {name: watch.mode for name, watch in monitor.watches.items()}
    larger = {"accuracy", "f1", "entropy"}
    assert modes == {name: "max" if name in larger else "min" for name in modes}
    with pytest.raises(ConfigError, match=r"trainer\.early_stopping\.metric=f1 is not a metric"):
        monitor.seen({"accuracy": 0.5}, 2)


def test_several_numbers_of_a_metric_object_are_told() -> None:
    class PerClass(Measuring):
        def __init__(self) -> None:
            super().__init__()
            self.f1 = torchmetrics.F1Score("multiclass", num_classes=2, average=None)

    ours = learner_of(PerClass())
    with pytest.raises(ConfigError, match="f1 of PerClass gives 2 numbers"):
        evaluate(ours, batches(1))


def test_evaluation_may_need_gradients() -> None:
    class Slope(Task):
        evaluation_gradients = True

        def training_step(self, model: Any, batch: Any) -> Tensor:
            x = batch["x"].clone().requires_grad_()
            (slope,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
            loss: Tensor = (slope - 1).square().mean()
            return loss

    ours = learner_of(Slope())
    ours.update(batches(1))
    before = [p.grad for p in ours.model.parameters()]
    assert evaluate(ours, batches(2))["loss"] > 0
    assert all(a is b for a, b in zip(before, [p.grad for p in ours.model.parameters()], strict=True))


def test_an_attribute_must_not_hide_a_method() -> None:
    class Hiding(Labelled):
        def __init__(self) -> None:
            self.metrics = torchmetrics.MetricCollection([])  # type: ignore[method-assign]

    with pytest.raises(ConfigError, match="attribute metrics of Hiding hides the method"):
        as_task(Hiding(), None)


def test_a_loss_alone_is_a_task_for_pairs_of_any_kind() -> None:
    task = as_task(nn.functional.l1_loss, None)
    assert type(task) is Supervised
    assert evaluate(learner_of(task), [[torch.ones(2, 3), torch.ones(2, 2)]]).keys() == {"loss"}


def test_a_run_tells_the_direction_that_its_monitor_follows() -> None:
    """`quality` is larger-is-better by its object; its name alone would say the opposite."""

    class Judged(Labelled):
        def __init__(self) -> None:
            self.quality = torchmetrics.F1Score("multiclass", num_classes=2)

    split = SmallBatches(torch.zeros(8, 3), torch.zeros(8), training=False)
    data, settings, measured = Data(None, split, None, None, ""), TrainerSettings(), Measured()
    measured.best = {"quality": 0.5}
    intervals = Intervals.of(settings, 1, None, validates=False)
    log: Any = None
    progress = Progress(learner_of(Judged()), data, settings, intervals, measured, log)
    assert progress.modes == {"quality": "max"}
