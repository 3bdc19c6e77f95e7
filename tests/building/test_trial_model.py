"""A run builds its model once, and the dry run leaves that model alone."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.command import TINY, Command, record_of

COUNTING = '''
import pathlib
import threading
import torch
from torch import nn

class Net(nn.Linear):
    """Counts its instances and its calls; with a lock it cannot be copied."""
    def __init__(self, in_features, out_features, lock=False):
        super().__init__(in_features, out_features)
        with pathlib.Path("built").open("a") as file:
            file.write("x")
        self.calls = 0
        self.register_buffer("seen", torch.zeros(()))
        if lock:
            self.lock = threading.Lock()
    def forward(self, x):
        self.calls += 1
        self.seen += 1
        return super().forward(x.flatten(1))
'''
NET = "model={_target_: counting.Net, in_features: 784, out_features: 10}"


def test_a_run_and_its_resume_build_the_model_once(command: Command) -> None:
    Path("counting.py").write_text(COUNTING)
    for words in ([NET, *TINY[1:], "hydra.run.dir=run"], ["resume", "run", "trainer.epochs=3"]):
        Path("built").unlink(missing_ok=True)
        command(*words)
        assert Path("built").read_text() == "x"


def test_a_model_that_cannot_be_copied_is_built_again_and_trains_the_same(command: Command) -> None:
    Path("counting.py").write_text(COUNTING)
    command(NET, *TINY[1:], "hydra.run.dir=once")
    command(NET, "+model.lock=true", *TINY[1:], "hydra.run.dir=twice")
    once, twice = (torch.load(f"{run}/checkpoints/last.pt", weights_only=True) for run in ("once", "twice"))
    assert record_of(Path("once"))["weights_sha256"] == record_of(Path("twice"))["weights_sha256"]
    assert once["learner"]["attributes"] == twice["learner"]["attributes"]
    assert once["learner"]["model"]["seen"] == twice["learner"]["model"]["seen"]
