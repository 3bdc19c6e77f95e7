"""Averages of the weights: what is evaluated, saved as best, loaded and exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import sweepboard
from sweepboard.callbacks import EMA, SWA
from sweepboard.settings import CheckpointSettings, TrainerSettings
from sweepboard.testing import CallbackSuite
from sweepboard.training.callback import Callback
from sweepboard.training.checkpoint import Checkpoints, weights_sha256
from sweepboard.training.checkpoint_file import load_checkpoint
from sweepboard.training.evaluate import evaluate
from sweepboard.training.loop import fit
from sweepboard.training.progress import Progress
from sweepboard.training.replaced_weights import replaced
from tests.command import TINY, Command, record_of
from tests.training.conftest import fake_data, fake_learner

SETTINGS = TrainerSettings(steps=20, checkpoint=CheckpointSettings(every_steps=4))


class TestEMA(CallbackSuite):
    only_reads = False  # the model is evaluated with other weights

    def callback(self, folder: Path) -> Callback:
        return EMA(0.9)


class TestSWA(CallbackSuite):
    only_reads = False

    def callback(self, folder: Path) -> Callback:
        return SWA(1)


class Recorder(Callback):
    """The weights after every update, and those that validations see."""

    def __init__(self) -> None:
        self.weights: list[dict[str, Tensor]] = []
        self.seen: list[dict[str, Tensor]] = []

    def on_update(self, progress: Progress) -> None:
        self.weights.append(copy_of(progress))

    def on_validation(self, progress: Progress) -> None:
        self.seen.append(copy_of(progress))


def copy_of(progress: Progress) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in progress.learner.model.state_dict().items()}


def assert_close(one: dict[str, Tensor], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], rtol=1e-4, atol=1e-6)


def test_an_ema_is_the_average_and_leaves_the_training_alone() -> None:
    ema, recorder = EMA(0.9), Recorder()
    progress = fit(fake_learner(), fake_data(), SETTINGS, callbacks={"ema": ema, "recorder": recorder})
    alone = fit(fake_learner(), fake_data(), SETTINGS)
    assert weights_sha256(progress.learner.model) == weights_sha256(alone.learner.model)
    assert progress.val_metrics != alone.val_metrics
    expected = recorder.weights[0]
    for number, weights in enumerate(recorder.weights[1:], start=1):
        decay = min(0.9, (1 + number) / (10 + number))
        expected = {
            name: decay * value + (1 - decay) * weights[name] if value.is_floating_point() else weights[name]
            for name, value in expected.items()
        }
    assert_close(expected, ema.weights)
    assert_close(expected, recorder.seen[-1])
    with replaced(progress.learner.model, ema.weights):
        assert evaluate(progress.learner, progress.data.val.epoch(0)) == progress.val_metrics  # type: ignore[union-attr]


def test_an_swa_is_the_mean_of_the_last_epochs() -> None:
    swa, recorder = SWA(2), Recorder()
    settings = TrainerSettings(epochs=3)
    fit(fake_learner(), fake_data(), settings, callbacks={"swa": swa, "recorder": recorder})
    ends = [recorder.weights[17], recorder.weights[26]]
    expected = {
        name: (value + ends[1][name]) / 2 if value.is_floating_point() else ends[1][name]
        for name, value in ends[0].items()
    }
    assert_close(expected, swa.weights)
    assert_close(recorder.weights[8], recorder.seen[0])  # before the average begins: the model's own
    assert_close(expected, recorder.seen[2])


def test_the_checkpoints_hold_both(tmp_path: Path) -> None:
    ema, checkpoints = EMA(0.9), Checkpoints(tmp_path / "checkpoints")
    progress = fit(fake_learner(), fake_data(), SETTINGS, callbacks={"ema": ema}, checkpoints=checkpoints)
    last = checkpoints.load()
    assert last is not None
    assert_close(copy_of(progress), last.learner["model"])
    assert_close(ema.weights, last.model)
    assert load_checkpoint(checkpoints.best)["model"].keys() == ema.weights.keys()


def test_they_are_loaded_exported_and_tested(command: Command) -> None:
    command(*TINY, "callbacks=ema", "callbacks.ema.decay=0.5", "hydra.run.dir=run")
    record = record_of(Path("run"))
    model = sweepboard.load_model("run", "last")
    assert weights_sha256(model) == record["weights_sha256"]
    trained = Checkpoints(Path("run/checkpoints"), record["id"]).load()
    assert trained is not None
    weights = model.state_dict()
    assert any(not torch.equal(weights[name], trained.learner["model"][name]) for name in weights)
    command("test", "run", "--checkpoint", "last")
    tested = record_of(Path("run"))["tests"][-1]
    assert tested["test/loss"] == pytest.approx(record["metrics"]["test/loss"])
    command("export", "run", "--checkpoint", "last", "--output", "model.safetensors")
    exported = load_file("model.safetensors")
    assert all(torch.equal(weights[name], exported[name]) for name in weights)
    assert "identical" in command("verify", "run").out


def test_only_one_callback_gives_the_weights_to_evaluate(command: Command) -> None:
    line = command(*TINY, "callbacks=[ema,swa]", code=2).line
    assert line.endswith(
        "callbacks.swa: callbacks.ema gives the weights to evaluate already; type ~callbacks.swa"
    )
    line = command(*TINY, "callbacks=ema", "callbacks.ema.decay=1.5", code=2).line
    assert "callbacks.ema: sweepboard.callbacks.EMA cannot be built: ValueError: decay must be " in line
