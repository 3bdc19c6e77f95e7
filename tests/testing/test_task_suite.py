"""The suite of tasks passes for ours and for a stranger's, and finds each planted fault."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchmetrics
from torch import Tensor, nn

from sweepboard.tasks import Classification, MultiLabel, Regression, Step, Task
from sweepboard.testing import TaskSuite

X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
LABEL = (X.sum(1) > 0).long()


class TestClassification(TaskSuite):
    def task(self) -> Task:
        return Classification(nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0])))

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2))

    def batch(self, start: int, stop: int) -> Any:
        return X[start:stop], LABEL[start:stop]


class TestRegression(TestClassification):
    def task(self) -> Task:
        return Regression()

    def batch(self, start: int, stop: int) -> Any:
        return X[start:stop], X[start:stop, :2]


class TestMultiLabel(TestRegression):
    def task(self) -> Task:
        return MultiLabel(nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 3.0])))

    def batch(self, start: int, stop: int) -> Any:
        return X[start:stop], (X[start:stop, :2] > 0).float()


class Labelled(Task):
    """A stranger's: dictionaries, a metric object, a value and a sum."""

    primary_metric = "area"

    def __init__(self) -> None:
        self.area = torchmetrics.AUROC("binary")

    def training_step(self, model: Any, batch: Any) -> Step:
        logits = model(batch["x"])
        self.area.update(logits.softmax(1)[:, 1].detach(), batch["label"])
        hits = (logits.argmax(1) == batch["label"]).sum()
        return Step(
            F.cross_entropy(logits, batch["label"]), values={"mean": logits.mean()}, sums={"hits": hits}
        )

    def metrics(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
        return {"accuracy": float(sums["hits"] / sums["count"])}


class TestAStrangersTask(TestClassification):
    task_class: type[Task] = Labelled

    def task(self) -> Task:
        return self.task_class()

    def batch(self, start: int, stop: int) -> Any:
        return {"x": X[start:stop], "label": LABEL[start:stop]}


class TestAdversaries(TestAStrangersTask):
    """Several optimizers."""

    class Both(Task):
        def updates(self, model: Any, batch: Any) -> Iterator[tuple[str, Tensor]]:
            yield "second", model[2](model[0](batch["x"]).detach()).square().mean()
            yield "first", -model(batch["x"]).square().mean()

        def evaluation_step(self, model: Any, batch: Any) -> Tensor:
            loss: Tensor = model(batch["x"]).square().mean()
            return loss

    task_class = Both

    def optimizers(self, model: Any) -> dict[str, torch.optim.Optimizer]:
        return {
            "first": torch.optim.Adam(model[0].parameters()),
            "second": torch.optim.SGD(model[2].parameters(), 0.1),
        }


class NotSaved(Labelled):
    """Scales the loss by a running mean that no checkpoint holds."""

    def __init__(self) -> None:
        super().__init__()
        self._running = Running()

    def training_step(self, model: Any, batch: Any) -> Step:
        step = super().training_step(model, batch)
        if model.training:
            self._running.mean = 0.5 * self._running.mean + float(step.loss.detach())
        step.loss = step.loss * (1 + self._running.mean)
        return step


class Running:
    def __init__(self) -> None:
        self.mean = 0.0


class MeanOfMaxima(Labelled):
    """A value that is no mean over samples."""

    def training_step(self, model: Any, batch: Any) -> Step:
        step = super().training_step(model, batch)
        return Step(step.loss, values={"largest": model(batch["x"]).max()}, sums=step.sums)


class MeanOfBatches(Labelled):
    """Divides by the number of batches."""

    def training_step(self, model: Any, batch: Any) -> Step:
        step = super().training_step(model, batch)
        accuracy = step.sums["hits"] / len(batch["x"])
        return Step(step.loss, sums={"hits": accuracy, "batches": torch.tensor(1.0)})

    def metrics(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
        return {"accuracy": float(sums["hits"] / sums["batches"])}


class UnweightedMean(Labelled):
    """A metric object that gets a mean for each batch, whatever its size."""

    def __init__(self) -> None:
        super().__init__()
        self.average = torchmetrics.MeanMetric()

    def training_step(self, model: Any, batch: Any) -> Step:
        step = super().training_step(model, batch)
        self.average.update(step.loss.detach())
        return step


class DrawsElsewhere(Labelled):
    """Weighs its loss by a generator that no seed reaches."""

    def __init__(self) -> None:
        super().__init__()
        self._random = random.Random()

    def training_step(self, model: Any, batch: Any) -> Step:
        step = super().training_step(model, batch)
        step.loss = step.loss * self._random.random()
        return step


class SumOfLosses(Labelled):
    def training_step(self, model: Any, batch: Any) -> Step:
        step = super().training_step(model, batch)
        step.loss = step.loss * len(batch["x"])
        return step


class ForgetsTheWeights(Labelled):
    """A weighted mean that does not say so."""

    def training_step(self, model: Any, batch: Any) -> Step:
        step = super().training_step(model, batch)
        step.loss = F.cross_entropy(model(batch["x"]), batch["label"], weight=torch.tensor([1.0, 9.0]))
        return step


class NoGradient(Labelled):
    def training_step(self, model: Any, batch: Any) -> Step:
        step = super().training_step(model, batch)
        step.loss = step.loss.detach()
        return step


class CountsEvaluations(Labelled):
    """Its loss grows with every evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.evaluations = 0

    def evaluation_step(self, model: Any, batch: Any) -> Step:
        self.evaluations += 1
        return self.training_step(model, batch)

    def training_step(self, model: Any, batch: Any) -> Step:
        step = super().training_step(model, batch)
        step.loss = step.loss * (1 + self.evaluations)
        return step


class NoSuchMetric(Labelled):
    primary_metric = "f1"


class SayingNothingOfItsSamples(Labelled):
    def training_step(self, model: Any, batch: Any) -> Step:
        step = super().training_step(model, batch)
        step.samples = 0
        return step


class Sideways(Labelled):
    def mode(self, metric: str) -> Any:
        return "maximum"


RESUME, BATCHES, TRAINING, EVALUATION, LEARNING, DIRECTION, SAMPLES = (
    "test_a_resumed_run_goes_on_as_if_it_had_never_stopped",
    "test_metrics_do_not_depend_on_the_batch_size",
    "test_training_changes_weights_and_gives_the_same_twice",
    "test_evaluation_changes_nothing",
    "test_a_step_is_a_loss_that_can_be_learned_from",
    "test_its_metrics_have_a_direction",
    "test_a_step_says_how_many_samples_it_had",
)


@pytest.mark.parametrize(
    ("task", "test", "finding"),
    [
        (NotSaved, RESUME, "it loses a state"),
        (MeanOfMaxima, BATCHES, r"24 samples give .*'largest'.*, cut at \(0, 11, 23, 24\) "),
        (MeanOfBatches, BATCHES, "24 samples give .*'accuracy': 0.41.*, cut at .*'accuracy': 0.59"),
        (UnweightedMean, BATCHES, "24 samples give .*'average'.*, cut at "),
        (DrawsElsewhere, TRAINING, "it keeps a state outside"),
        (DrawsElsewhere, EVALUATION, "twice is not the same"),
        (SumOfLosses, BATCHES, "24 samples give {'loss': 17.0.*, cut at .* {'loss': 7.9"),
        (ForgetsTheWeights, BATCHES, "24 samples give {'loss': 0.694.*, cut at .* {'loss': 0.698"),
        (NoGradient, LEARNING, "the loss has no gradient"),
        (CountsEvaluations, EVALUATION, "twice is not the same"),
        (NoSuchMetric, DIRECTION, "primary_metric is not measured in evaluation"),
        (Sideways, DIRECTION, "a mode is min or max, not as in {'loss': 'maximum'"),
        (SayingNothingOfItsSamples, SAMPLES, "a step of 6 samples says that it had 0"),
    ],
)
def test_a_planted_fault_is_found(task: type[Task], test: str, finding: str, tmp_path: Path) -> None:
    suite = TestAStrangersTask()
    suite.task_class = task
    with pytest.raises(AssertionError, match=finding):
        getattr(suite, test)(*[tmp_path] if "resumed" in test else [])
