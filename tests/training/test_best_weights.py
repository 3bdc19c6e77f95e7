"""The best weights are tested at the end beside the last ones, and nothing is changed by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sweepboard.callbacks import EMA
from sweepboard.data.types import Batch
from sweepboard.settings import TrainerSettings
from sweepboard.training.callback import Callback
from sweepboard.training.checkpoint import Checkpoints, weights_sha256
from sweepboard.training.checkpoint_file import load_checkpoint
from sweepboard.training.evaluate import evaluate
from sweepboard.training.learner import Learner
from sweepboard.training.loop import fit
from sweepboard.training.progress import Progress
from tests.training.conftest import FakeBatches, Journal, Net, World

EPOCHS = TrainerSettings(epochs=4)


@dataclass(frozen=True)
class Counted(FakeBatches):
    epochs: list[int] = field(default_factory=list)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        self.epochs.append(epoch)
        return super().epoch(epoch, start)


class Spoiling(Callback):
    """Makes the weights worse after the update `at`, so that the best ones are those before it."""

    def __init__(self, at: int = 18) -> None:
        self.at = at

    def on_update(self, progress: Progress) -> None:
        if progress.step > self.at:
            with torch.no_grad():
                for weight in progress.learner.model.parameters():
                    weight.mul_(-1.5)


def trained(
    world: World, folder: Path, learner: Learner | None = None, **more: Any
) -> tuple[Progress, Journal, Counted]:
    data, journal = world.data(), world.journal()
    assert isinstance(data.test, FakeBatches)
    test = Counted(data.test.inputs, data.test.targets, 7, training=False)
    callbacks = {"journal": journal, **more.pop("callbacks", {})}
    progress = fit(
        learner or world.learner("none"), replace(data, test=test), more.pop("settings", EPOCHS),
        callbacks=callbacks, checkpoints=Checkpoints(folder), **more,
    )  # fmt: skip
    return progress, journal, test


def measured_again(folder: Path, progress: Progress, learner: Learner) -> dict[str, float]:
    """The test of the weights in best.pt, loaded by another learner."""
    learner.model.load_state_dict(load_checkpoint(Checkpoints(folder).best)["model"])
    assert progress.data.test is not None
    return evaluate(learner, progress.data.test.epoch(0))


def test_both_are_measured_at_the_end(world: World, tmp_path: Path) -> None:
    progress, journal, test = trained(world, tmp_path, callbacks={"spoiling": Spoiling()})
    assert progress.best_step == 18 < progress.step == 36
    assert progress.best_test_metrics == measured_again(tmp_path, progress, world.learner("none", seed=8))
    assert journal.tags("test_best/accuracy") == {36: progress.best_test_metrics["accuracy"]}
    assert journal.tags("test/accuracy") == {36: progress.test_metrics["accuracy"]}
    assert progress.best_test_metrics["loss"] != progress.test_metrics["loss"]
    assert progress.metrics["test_best/loss"] == progress.best_test_metrics["loss"]
    assert len(test.epochs) == 3  # one is of this test


def test_the_same_weights_are_measured_once(world: World, tmp_path: Path) -> None:
    progress, journal, test = trained(world, tmp_path, settings=TrainerSettings(epochs=1))
    assert progress.best_step == progress.step
    assert progress.best_test_metrics == progress.test_metrics
    assert journal.tags("test_best/loss") == journal.tags("test/loss")
    assert len(test.epochs) == 1


def test_without_validation_there_are_no_best_weights(world: World, tmp_path: Path) -> None:
    data, journal = replace(world.data(), val=None), world.journal()
    callbacks = {"journal": journal}
    fit(world.learner(), data, EPOCHS, callbacks=callbacks, checkpoints=Checkpoints(tmp_path))
    assert journal.tags("test/loss")
    assert not journal.tags("test_best/loss")


def test_the_last_weights_are_there_again_afterwards(world: World, tmp_path: Path) -> None:
    progress, _, _ = trained(world, tmp_path, callbacks={"spoiling": Spoiling()})
    without = world.learner("none")
    data = replace(world.data(), test=None)
    fit(without, data, EPOCHS, callbacks={"spoiling": Spoiling()}, checkpoints=Checkpoints(tmp_path / "no"))
    assert progress.weights_sha256() == weights_sha256(without.model)
    tensors = {id(each) for each in progress.learner.optimizer.param_groups[0]["params"]}
    assert tensors == {id(each) for each in progress.learner.model.parameters()}


class Lossy(Callback):
    """Takes best.pt away before the end."""

    def __init__(self, folder: Path) -> None:
        self.best = Checkpoints(folder).best

    def on_update(self, progress: Progress) -> None:
        if progress.step == 30:
            self.best.unlink()


def test_best_weights_that_are_gone_are_told_and_nothing_stops(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    callbacks = {"spoiling": Spoiling(), "lossy": Lossy(tmp_path)}
    progress, journal, _ = trained(world, tmp_path, callbacks=callbacks)
    assert f"the best weights, of step 18, are not tested: {tmp_path}/best.pt" in caplog.text
    assert progress.test_metrics
    assert not journal.tags("test_best/loss")


class Sharp(Net):
    """Changes what no state dict holds: a number, and a buffer that is not saved."""

    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.sharpness = 1.0
        self.register_buffer("shift", torch.zeros(4), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training:
            self.sharpness *= 1.01
            self.shift += 0.01 * torch.arange(4)
        outputs: Tensor = super().forward(inputs)  # type: ignore[no-untyped-call]
        return outputs * self.sharpness + self.shift


def sharp_learner(world: World) -> Learner:
    other, model = world.learner("none"), Sharp()
    return Learner(model, other.task, torch.optim.SGD(model.parameters(), lr=0.05))


def test_attributes_go_with_the_weights(world: World, tmp_path: Path) -> None:
    progress, _, _ = trained(world, tmp_path, sharp_learner(world), callbacks={"spoiling": Spoiling()})
    best, model = load_checkpoint(Checkpoints(tmp_path).best), progress.learner.model
    assert isinstance(model, Sharp)
    assert best["attributes"]["model"]["sharpness"] == pytest.approx(1.01**18)
    assert model.sharpness == pytest.approx(1.01**36)
    other = sharp_learner(world)
    assert isinstance(other.model, Sharp)
    other.model.sharpness = best["attributes"]["model"]["sharpness"]
    other.model.shift = best["attributes"]["model"]["shift"]
    assert progress.best_test_metrics == measured_again(tmp_path, progress, other)
    assert model.shift[1] == pytest.approx(0.36)


def test_averaged_weights_are_tested_as_they_were_validated(world: World, tmp_path: Path) -> None:
    callbacks = {"ema": EMA(0.9), "spoiling": Spoiling()}
    progress, _, _ = trained(world, tmp_path, callbacks=callbacks)
    assert progress.best_step != progress.step
    assert progress.best_test_metrics == measured_again(tmp_path, progress, world.learner("none", seed=8))
