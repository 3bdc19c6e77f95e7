"""What happens when in a run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count, pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn

from sweepboard.data.types import Batch
from sweepboard.errors import ConfigError, NonFiniteLoss
from sweepboard.settings import CheckpointSettings, EarlyStopping, TrainerSettings
from sweepboard.training.callback import Callback
from sweepboard.training.checkpoint import Checkpoints, weights_sha256
from sweepboard.training.checkpoint_file import load_checkpoint
from sweepboard.training.evaluate import evaluate
from sweepboard.training.loop import fit
from sweepboard.training.progress import Progress
from tests.training.conftest import FakeBatches, Journal, World

STEPS_PER_EPOCH = 9  # 70 samples in batches of 8


def run(
    world: World, settings: TrainerSettings, every: int | None = None, **more: Any
) -> tuple[Progress, Journal]:
    journal = world.journal()
    learner = more.pop("learner", None) or world.learner("none")
    data = more.pop("data", None) or world.data()
    callbacks = {"journal": journal, **more.pop("callbacks", {})}
    progress = fit(learner, data, settings, logging_every_steps=every, callbacks=callbacks, **more)
    return progress, journal


def test_points_at_their_steps(world: World) -> None:
    _, journal = run(world, TrainerSettings(epochs=2), every=4)
    assert list(journal.tags("train/loss")) == [4, 8, 12, 16, 18]
    assert journal.tags("train/epoch") == {step: step / 9 for step in (4, 8, 12, 16, 18)}
    assert list(journal.tags("val/accuracy")) == list(journal.tags("val_best/loss")) == [9, 18]
    assert list(journal.tags("test/accuracy")) == [18]
    assert {tag for tag, _ in journal.scalars} == {
        "train/loss", "train/accuracy", "val/loss", "val/accuracy", "test/loss", "test/accuracy",
        "val_best/loss", "val_best/accuracy", "train/lr", "train/epoch", "train/samples_per_second",
    }  # fmt: skip


def test_the_course_of_a_run(world: World, tmp_path: Path) -> None:
    settings = TrainerSettings(steps=20, val_every_epochs=2, checkpoint=CheckpointSettings(every_steps=6))
    settings.checkpoint.every_epochs = None
    _, journal = run(world, settings, checkpoints=Checkpoints(tmp_path))
    assert journal.told == [
        ("start", 0),
        ("checkpoint", 6),
        ("epoch_end", 9),
        ("checkpoint", 12),
        ("epoch_end", 18),
        ("validation", 18),
        ("checkpoint", 18),
        ("checkpoint", 20),  # from here the run could be made longer
        ("validation", 20),
        ("checkpoint", 20),
        ("end", 20),
    ]
    assert list(journal.tags("train/loss")) == [9, 18, 20]


def test_training_loss_is_the_mean_since_the_last_point(world: World) -> None:
    """Over samples, not batches, and with the weights of each update."""
    settings = TrainerSettings(epochs=1, accumulate=2)
    progress, journal = run(world, settings)
    learner, losses = world.learner("none"), []
    batches = list(world.data().train.epoch(0))
    for start in range(0, 9, 2):
        group = batches[start : start + 2]
        losses.append((float(learner.update(group)), sum(len(targets) for _, targets in group)))
    expected = sum(loss * count for loss, count in losses) / 70
    assert journal.tags("train/loss") == {5: pytest.approx(expected, rel=1e-6)}
    assert progress.step == progress.steps_per_epoch == 5
    assert weights_sha256(progress.learner.model) == weights_sha256(learner.model)


def test_limits_and_lengths(world: World) -> None:
    progress, journal = run(world, TrainerSettings(epochs=3, limit_train_batches=4, limit_val_batches=1))
    assert (progress.step, progress.epoch, list(journal.tags("val/loss"))) == (12, 3, [4, 8, 12])
    assert progress.val_metrics == evaluate(progress.learner, [next(progress.data.val.epoch(0))])  # type: ignore[union-attr]
    progress, _ = run(world, TrainerSettings(epochs=1, steps=11))
    assert (progress.step, progress.epoch, progress.batch) == (11, 1, 2)


def test_a_diverging_run_says_where_and_keeps_what_was_logged(world: World, tmp_path: Path) -> None:
    learner, journal = world.line_learner(), world.journal()
    learner.optimizer.param_groups[0]["lr"] = 1e6
    with pytest.raises(NonFiniteLoss) as caught:
        fit(
            learner,
            world.line_data(),
            TrainerSettings(steps=1000),
            logging_every_steps=2,
            callbacks={"journal": journal},
            checkpoints=Checkpoints(tmp_path),
        )
    step = caught.value.step
    assert caught.value.rates == {"lr": 1e6}
    assert list(journal.tags("train/loss")) == list(range(2, step, 2))
    assert all(np.isfinite(list(journal.tags("train/loss").values())))
    state = Checkpoints(tmp_path).load()
    assert state is not None
    assert all(weight.isfinite().all() for weight in state.learner["model"].values())


def test_early_stopping_and_the_best_weights(world: World, tmp_path: Path) -> None:
    settings = TrainerSettings(
        epochs=50,
        early_stopping=EarlyStopping(patience=3, metric="loss"),
        checkpoint=CheckpointSettings(metric="loss"),
    )
    checkpoints = Checkpoints(tmp_path)
    progress, journal = run(world, settings, checkpoints=checkpoints)
    values = journal.tags("val/loss")
    best_step = min(values, key=lambda step: values[step])
    assert progress.stopped_early
    assert progress.step == best_step + 3 * STEPS_PER_EPOCH < 50 * STEPS_PER_EPOCH
    assert list(journal.tags("test/loss")) == [progress.step]
    assert progress.best["loss"] == values[best_step]
    best = load_checkpoint(checkpoints.best)
    assert (best["step"], best["metrics"]["loss"]) == (best_step, values[best_step])
    learner = world.learner("none")
    learner.model.load_state_dict(best["model"])
    assert evaluate(learner, progress.data.val.epoch(0)) == best["metrics"]  # type: ignore[union-attr]


class Rude(Callback):
    """Does what callbacks must not: draws numbers. Training does not change for it."""

    def draw(self, progress: Progress) -> None:
        torch.rand(3), random.random(), np.random.rand()

    on_start = on_epoch_end = on_validation = on_checkpoint = draw


def test_nobody_disturbs_the_random_numbers_of_training(world: World, tmp_path: Path) -> None:
    class Noisy(FakeBatches):
        def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
            torch.rand(1)
            yield from super().epoch(epoch, start)

    data = world.data()
    val = cast(FakeBatches, data.val)
    noisy = type(data)(
        data.spec, data.train, Noisy(val.inputs, val.targets, 7, False), data.test, "fingerprint"
    )
    settings = TrainerSettings(epochs=2, checkpoint=CheckpointSettings(every_steps=1))
    quiet, _ = run(world, TrainerSettings(epochs=2))
    loud, _ = run(world, settings, data=noisy, callbacks={"rude": Rude()}, checkpoints=Checkpoints(tmp_path))
    assert weights_sha256(quiet.learner.model) == weights_sha256(loud.learner.model)


def test_validation_leaves_each_module_in_its_mode(world: World) -> None:
    learner = world.learner("none")
    frozen = next(module for module in learner.model.modules() if isinstance(module, nn.BatchNorm1d)).eval()
    before = frozen.running_mean.clone()  # type: ignore[union-attr]
    run(world, TrainerSettings(epochs=1), learner=learner)
    assert torch.equal(frozen.running_mean, before)  # type: ignore[arg-type]
    assert learner.model.training
    assert not frozen.training


class Looking(Callback):
    """Runs the model, as a callback does that draws samples."""

    def look(self, progress: Progress) -> None:
        assert not any(module.training for module in progress.learner.model.modules())
        progress.learner.model(torch.rand(3, 6))

    on_validation = on_end = look


def test_a_callback_that_runs_the_model_does_not_disturb_batch_norm(world: World) -> None:
    learner = world.learner("none")
    assert any(isinstance(module, nn.BatchNorm1d) for module in learner.model.modules())
    watched, _ = run(world, TrainerSettings(epochs=2), learner=learner, callbacks={"looking": Looking()})
    alone, _ = run(world, TrainerSettings(epochs=2))
    assert weights_sha256(watched.learner.model) == weights_sha256(alone.learner.model)
    assert learner.model.training


def test_evaluation_does_not_depend_on_batches(world: World) -> None:
    learner, split = world.learner("none"), world.data().val
    assert split is not None
    one = evaluate(learner, [split.first(20)])
    assert evaluate(learner, split.epoch(0)) == pytest.approx(one, rel=1e-6)


def test_regression_on_a_line(world: World) -> None:
    progress, _ = run(world, TrainerSettings(epochs=60), data=world.line_data(), learner=world.line_learner())
    assert [p.item() for p in progress.learner.model.parameters()] == pytest.approx(
        [2, 1], abs=0.1
    )  # the inputs are noisy
    assert progress.val_metrics["r2"] > 0.99
    assert progress.test_metrics == {}


def test_checkpoints_by_the_clock(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweepboard.training.loop.TICK", 0.0)
    settings = TrainerSettings(steps=4, checkpoint=CheckpointSettings(None, None, every_minutes=1e-9))
    _, journal = run(world, settings, checkpoints=Checkpoints(tmp_path))
    assert [step for what, step in journal.told if what == "checkpoint"] == [1, 2, 3, 4, 4]


def test_ticks_are_rare(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock of a hundredth of a second per look."""
    clock, ticks = count(0.0, 0.01), []
    monkeypatch.setattr("sweepboard.training.loop.time.perf_counter", lambda: next(clock))

    class Ticking(Callback):
        def on_tick(self, progress: Progress) -> None:
            ticks.append(progress.seconds)

    run(world, TrainerSettings(steps=300, val_every_epochs=None), callbacks={"ticking": Ticking()})
    assert 10 < len(ticks) < 30
    assert all(later - earlier >= 0.15 for earlier, later in pairwise(ticks))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (TrainerSettings(epochs=0), "trainer.epochs: must be 1 or more, got 0"),
        (TrainerSettings(accumulate=-1), "trainer.accumulate: must be 1 or more, got -1"),
        (
            TrainerSettings(early_stopping=EarlyStopping(metric="acuracy")),
            "trainer.early_stopping.metric=acuracy is not a metric of this task; did you mean accuracy?",
        ),
        (
            TrainerSettings(checkpoint=CheckpointSettings(mode="lowest")),
            "trainer.checkpoint.mode=lowest: choose from min, max",
        ),
    ],
)
def test_settings_that_cannot_be(world: World, settings: TrainerSettings, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run(world, settings)
    assert str(caught.value) == message


def test_early_stopping_needs_a_validation_set(world: World) -> None:
    data = world.data()
    without = type(data)(data.spec, data.train, None, data.test, "fingerprint")
    with pytest.raises(ConfigError, match=r"trainer\.early_stopping\.patience needs a validation set"):
        run(world, TrainerSettings(early_stopping=EarlyStopping(patience=1)), data=without)
    progress, journal = run(world, TrainerSettings(epochs=1), data=without)
    assert progress.val_metrics == {}
    assert list(journal.tags("test/loss")) == [9]
