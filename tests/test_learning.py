"""What is trained has learned: the default run, all of Fashion-MNIST, and the tutorials' presets."""

from __future__ import annotations

from pathlib import Path

import pytest

import sweepboard
from sweepboard.data.datasets.synthetic import Line
from tests.command import Command, only_run, record_of

FULL = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.slow
def test_the_default_run_learns_the_embedded_images(command: Command) -> None:
    command()
    metrics = record_of(only_run(Path("outputs")))["metrics"]
    assert metrics["test/accuracy"] >= 0.80


@pytest.mark.slow
@pytest.mark.skipif(not FULL.is_dir(), reason="needs Debian's dataset-fashion-mnist")
def test_two_epochs_of_all_of_fashion_mnist(command: Command) -> None:
    command("dataset=fashion_mnist", "trainer.epochs=2")
    metrics = record_of(only_run(Path("outputs")))["metrics"]
    assert 0.87 <= metrics["test/accuracy"] <= 0.94


def test_the_line_is_found_in_its_own_units(command: Command) -> None:
    command("experiment=line", "logging=none")
    model = sweepboard.load_model(only_run(Path("outputs")), checkpoint="last")
    weight, bias = (parameter.item() for parameter in model.parameters())
    slope, intercept = Line().in_own_units(weight, bias)
    assert slope == pytest.approx(2, abs=0.01)
    assert intercept == pytest.approx(1, abs=0.1)


def test_noise_is_learned_by_heart_and_not_understood(command: Command) -> None:
    command("experiment=gaussian_mlp", "trainer.epochs=60", "logging=none", "threads=1")
    record = record_of(only_run(Path("outputs")))
    assert record["metrics"]["val/accuracy"] < 0.3


@pytest.mark.slow
@pytest.mark.skipif(not FULL.is_dir(), reason="needs Debian's dataset-fashion-mnist")
def test_the_tutorials_network_validates_on_the_test_set(command: Command) -> None:
    command("experiment=fashion_cnn", "trainer.epochs=1", "trainer.limit_train_batches=150")
    record = record_of(only_run(Path("outputs")))
    assert record["metrics"]["val/accuracy"] == pytest.approx(record["metrics"]["test/accuracy"])
    assert record["metrics"]["val/accuracy"] > 0.75


@pytest.mark.slow
def test_timm_by_target_trains_a_debug_epoch(command: Command) -> None:
    pytest.importorskip("timm")
    command(
        "trainer=debug", "model._target_=timm.create_model", "model.model_name=resnet10t",
        "model.in_chans=${facts.channels}", "model.num_classes=${facts.classes}",
    )  # fmt: skip
    assert record_of(only_run(Path("outputs")))["status"] == "finished"
