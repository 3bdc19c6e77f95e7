"""A run on a stream that is resumed goes on with the samples that come next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import Command

WALK = """
import random
from torch import tensor
from torch.utils.data import IterableDataset

def forgetful(noise=1.0):
    for place in range(100):
        yield tensor([random.gauss(place / 100, noise)]), tensor([place / 50])

class Stateful(IterableDataset):
    reads = 0

    def __init__(self):
        self.at = 0

    def __iter__(self):
        while self.at < 100:
            self.at += 1
            Stateful.reads += 1
            yield tensor([self.at / 100]), tensor([random.random()])

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.at = state["at"]
"""
WORDS = ["model=linear", "task=regression", "threads=1", "dataset.batch_size=8", "trainer.accumulate=2"]


def weights(folder: Path) -> str:
    return str(json.loads((folder / "run.json").read_text())["weights_sha256"])


@pytest.mark.parametrize("stream", ["forgetful", "Stateful"])
def test_a_resumed_run_goes_on_with_the_same_samples(command: Command, stream: str) -> None:
    """13 batches a pass: it stops in the second, at 22, and ends in the fourth."""
    Path("walk.py").write_text(WALK)
    words = [*WORDS, f"dataset._target_=walk.{stream}", "logging=minimal"]
    command(*words, "trainer.steps=20", "hydra.run.dir=whole")
    command(*words, "trainer.steps=11", "hydra.run.dir=stopped")
    command("resume", "stopped", "trainer.steps=20")
    assert weights(Path("stopped")) == weights(Path("whole"))
    assert "identical: " in command("verify", "stopped").out  # though it was made longer


def test_a_stream_without_a_length_and_without_steps_is_refused(command: Command) -> None:
    Path("walk.py").write_text(WALK)
    said = command(*WORDS, "dataset._target_=walk.forgetful", code=2)
    assert said.line.startswith("sweepboard: trainer.steps: the data set is a stream that does not tell its")
    assert not Path("outputs").exists()
