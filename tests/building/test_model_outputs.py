"""Models that return more than one tensor: those of transformers, and of torchvision for segmentation."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import sweepboard
from sweepboard.training.model_outputs import main_output
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
        ({"out": 2}, 2),
        ({"scores": 3}, {"scores": 3}),
        ((4, 5), (4, 5)),
    ],
)
def test_the_main_output(outputs: object, main: object) -> None:
    assert main_output(outputs) == main


MASKS = """
import torch
from torch import nn
from torch.utils.data import Dataset

class Masks(Dataset):
    classes = 4
    def __len__(self): return 40
    def __getitem__(self, index):
        return torch.full((3, 8, 8), index / 40), torch.full((8, 8), index % 4)

class Net(nn.Conv2d):
    def __init__(self, aux_loss):
        super().__init__(3, 4, 1)
        self.aux_loss = aux_loss
    def forward(self, x):
        out = super().forward(x)
        return {"out": out, "aux": out} if self.aux_loss else {"out": out}
"""


def test_a_model_for_segmentation_trains_without_its_auxiliary_head(command: Command) -> None:
    Path("own.py").write_text(MASKS)
    words = ("trainer=debug", "dataset._target_=own.Masks", "model._target_=own.Net", "hydra.run.dir=run")
    assert "use model.aux_loss=false" in command(*words, "model.aux_loss=true", code=2).err
    assert not Path("run").exists()
    command(*words, "model.aux_loss=false")
    assert 0 <= record_of(Path("run"))["metrics"]["val/accuracy"] <= 1


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
