"""An optimizer that takes no sparse gradients is told before a run has a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import TINY, Command

OWN = """
from torch import nn

class Sparse(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.table = getattr(nn, kind)(256, 10, sparse=True)
    def forward(self, images):
        found = self.table((images.flatten(1)[:, :50].clamp(0, 1) * 255).long())
        return found if isinstance(self.table, nn.EmbeddingBag) else found.mean(1)
"""
WORDS = ["model._target_=own.Sparse", "model.kind=Embedding", *TINY[1:], "hydra.run.dir=run"]
HERE = "as table.weight of the model has"


@pytest.fixture(autouse=True)
def own(command: Command) -> None:
    Path("own.py").write_text(OWN)


@pytest.mark.parametrize("kind", ["Embedding", "EmbeddingBag"])
@pytest.mark.parametrize("optimizer", ["Adam", "AdamW", "RMSprop"])
def test_one_that_takes_none(optimizer: str, kind: str, command: Command) -> None:
    words = [f"optimizer._target_=torch.optim.{optimizer}", f"model.kind={kind}"]
    line = command(*WORDS, *words, code=2).line
    assert line.startswith(f"sweepboard: optimizer: {optimizer} takes no sparse gradients, {HERE}; use")
    assert not Path("run").exists()


def test_a_fused_one(command: Command) -> None:
    line = command(*WORDS, "optimizer=sgd", code=2).line
    assert (
        line == f"sweepboard: optimizer.fused: not for sparse gradients, {HERE}; type optimizer.fused=false"
    )
    command(*WORDS, "optimizer=sgd", "optimizer.fused=false")


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
@pytest.mark.parametrize("optimizer", ["SparseAdam", "Adagrad", "LBFGS"])
def test_one_that_takes_them(optimizer: str, command: Command) -> None:
    command(*WORDS, f"optimizer._target_=torch.optim.{optimizer}")
