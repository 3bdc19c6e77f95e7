"""A validation whose numbers are none is told, and costs no figure."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.command import Command, only_run

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, features, outputs, bad="nan"):
        super().__init__()
        self.layers, self.bad = nn.Linear(features, outputs), float(bad)

    def forward(self, inputs):
        outputs = self.layers(inputs.flatten(1))
        return outputs if self.training else outputs * self.bad
"""


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf"])
def test_outputs_that_are_nan_only_in_validation(
    command: Command, caplog: pytest.LogCaptureFixture, bad: str
) -> None:
    Path("nets.py").write_text(NET)
    words = ["trainer=debug", "dataset=gaussian", "threads=1", "model=linear", "model._target_=nets.Net"]
    sizes = ["model.features=${facts.features}", "model.outputs=${facts.outputs}"]
    figures = ["logging.confusion_matrix=true", "logging.pr_curves=true", "logging.predictions=2"]
    command(*words, *sizes, f"model.bad='{bad}'", *figures)
    told = [line for line in caplog.messages if "not a finite number" in line]
    assert len([line for line in told if line.startswith("val/")]) == 1, caplog.messages
    assert not [line for line in caplog.messages if "goes without" in line]
    events = EventAccumulator(str(only_run(Path("outputs"))), {"images": 0}).Reload()
    assert "val/confusion_matrix" in events.Tags()["images"]
