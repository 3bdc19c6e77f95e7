"""Models that return more than one tensor: those of transformers, and of torchvision for segmentation."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import sweepboard
from sweepboard.training.tasks import main_output
from tests.command import Command, only_run, record_of

VIT = (
    "model._target_=transformers.ViTForImageClassification",
    "model.config={_target_: transformers.ViTConfig, image_size: 28, patch_size: 14, num_channels: 1,"
    " hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 1, intermediate_size: 8, num_labels: 10}",
)


@pytest.mark.parametrize(
    ("outputs", "main"),
    [
        ({"loss": 0, "logits": 1}, 1),
        ({"aux": 0, "out": 2}, 2),
        ({"scores": 3}, {"scores": 3}),
        ((4, 5), (4, 5)),
    ],
)
def test_the_main_output(outputs: object, main: object) -> None:
    assert main_output(outputs) == main


def test_a_model_of_transformers_trains_is_verified_exported_and_loaded(command: Command) -> None:
    pytest.importorskip("transformers")
    command("trainer=debug", *VIT)
    run = only_run(Path("outputs"))
    assert 0 <= record_of(run)["metrics"]["test/accuracy"] <= 1
    command("verify", str(run))
    command("export", str(run), "--output", "model.pt2")
    logits = sweepboard.load_model(run)(torch.zeros(2, 1, 28, 28)).logits
    assert isinstance(logits, Tensor)
    assert logits.shape == (2, 10)
