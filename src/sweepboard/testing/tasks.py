"""The conformance suite of the `Task` contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn
from torch.optim import SGD, Optimizer

from sweepboard.data.types import Batch
from sweepboard.training.checkpoint import weights_sha256
from sweepboard.training.checkpoint_file import packed, unpacked
from sweepboard.training.evaluate import evaluate
from sweepboard.training.learner import Learner
from sweepboard.training.learner_parts import OPTIMIZER
from sweepboard.training.seeding import seed_everything
from sweepboard.training.task import Task, as_step, check_step, makes_updates

UPDATES, SIZE, SAVED = 6, 6, 4


class TaskSuite(ABC):
    """Subclass it in a class whose name begins with `Test`, and implement `task`, `model` and `batch`."""

    draws: bool = False
    """Whether evaluation steps draw random numbers, so that their values depend on how batches are cut."""

    @abstractmethod
    def task(self) -> Task:
        """Return a new task."""

    @abstractmethod
    def model(self) -> nn.Module:
        """Return a new model, with weights from the global random generators."""

    @abstractmethod
    def batch(self, start: int, stop: int) -> Batch:
        """Return the samples `start` to `stop` of a fixed data set of at least 36 samples, as a batch."""

    def optimizers(self, model: nn.Module) -> Mapping[str, Optimizer]:
        """Return the optimizers of `model` by name; by default one."""
        return {OPTIMIZER: SGD(model.parameters(), 0.01, momentum=0.9)}

    def test_a_step_is_a_loss_that_can_be_learned_from(self) -> None:
        learner = self._learner()
        if makes_updates(learner.task):
            learner.update([self.batch(0, SIZE)])
            return
        step = learner.training_step(self.batch(0, SIZE))
        check_step(learner.task, step)
        assert step.loss.requires_grad, "the loss has no gradient"

    def test_training_changes_weights_and_gives_the_same_twice(self) -> None:
        first, second = self._learner(), self._learner()
        before = weights_sha256(first.model)
        for learner in (first, second):
            seed_everything(1)
            self._train(learner, 0, UPDATES)
        assert weights_sha256(first.model) != before, "no weight has changed"
        assert weights_sha256(first.model) == weights_sha256(second.model), "it keeps a state outside"
        measured = [learner.meter.metrics() for learner in (first, second)]
        assert measured[0] == measured[1], f"the same training measures {measured[0]}, then {measured[1]}"

    def test_evaluation_changes_nothing(self) -> None:
        measured, unmeasured = self._learner(), self._learner()
        for learner in (measured, unmeasured):
            seed_everything(1)
            self._train(learner, 0, 2)
            if learner is measured:
                first = evaluate(learner, [self.batch(0, 12)])
                assert evaluate(learner, [self.batch(0, 12)]) == first, "twice is not the same"
            self._train(learner, 2, 4)
        assert weights_sha256(measured.model) == weights_sha256(unmeasured.model), "it changes training"
        assert measured.meter.metrics() == unmeasured.meter.metrics(), "it changes metrics of training"

    def test_metrics_do_not_depend_on_the_batch_size(self) -> None:
        if self.draws:
            return
        learner = self._learner()
        whole = evaluate(learner, [self.batch(0, 24)])
        for cuts in ((0, 11, 23, 24), (0, 6, 12, 18, 24)):
            parts = [self.batch(start, stop) for start, stop in pairwise(cuts)]
            found = evaluate(learner, parts)
            assert _close(found, whole), f"24 samples give {whole}, cut at {cuts} {found}"

    def test_its_metrics_have_a_direction(self) -> None:
        learner = self._learner()
        metrics = evaluate(learner, [self.batch(0, 12)])
        assert learner.task.primary_metric in metrics, "primary_metric is not measured in evaluation"
        modes = {name: learner.task.mode(name) for name in metrics}
        assert {*modes.values()} <= {"min", "max"}, f"a mode is min or max, not as in {modes}"

    def test_a_resumed_run_goes_on_as_if_it_had_never_stopped(self, tmp_path: Path) -> None:
        whole, stopped, resumed = (self._learner() for _ in range(3))
        seed_everything(1)
        self._train(whole, 0, SAVED)
        seed_everything(2)
        self._train(whole, SAVED, UPDATES)
        seed_everything(1)
        self._train(stopped, 0, SAVED)
        resumed.load_state_dict(unpacked(packed(stopped.state_dict()), tmp_path))
        seed_everything(2)
        self._train(resumed, SAVED, UPDATES)
        assert weights_sha256(whole.model) == weights_sha256(resumed.model), "it loses a state"
        assert whole.meter.metrics() == resumed.meter.metrics(), "it loses a measurement"

    def test_a_step_says_how_many_samples_it_had(self) -> None:
        learner, batch = self._learner(), self.batch(0, SIZE)
        with torch.set_grad_enabled(learner.task.evaluation_gradients):
            step = as_step(learner.task, learner.evaluation_step(batch), batch)
        assert float(step.samples or 0) > 0, f"a step of {SIZE} samples says that it had {step.samples}"

    def _learner(self) -> Learner:
        seed_everything(0)
        model = self.model()
        return Learner(model, self.task(), self.optimizers(model))

    def _train(self, learner: Learner, start: int, stop: int) -> None:
        for number in range(start, stop):
            learner.update([self.batch(number * SIZE, (number + 1) * SIZE)])


def _close(found: Mapping[str, float], expected: Mapping[str, float]) -> bool:
    if found.keys() != expected.keys():
        return False
    left, right = (torch.tensor([metrics[name] for name in expected]) for metrics in (found, expected))
    return torch.allclose(left, right, rtol=1e-4, atol=1e-6, equal_nan=True)
