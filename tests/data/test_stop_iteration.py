"""StopIteration in the code of a data set is an error: it is not the end of a batch, nor of an epoch."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import TINY, Command, record_of

OWN = """
import torch
from torch.utils.data import Dataset, default_collate

class Samples(Dataset):
    def __init__(self, at=-1, pairs=True): self.at, self.pairs = at, pairs
    def __len__(self): return 120
    def __getitem__(self, index):
        if index == self.at:
            next(iter(()))
        inputs, target = torch.full((3, 8, 8), index / 120), index % 3
        return (inputs, target) if self.pairs else (inputs, target, index)

def collate(samples):
    if any(index == 77 for _, _, index in samples):
        next(iter(()))
    return default_collate([(inputs, target) for inputs, target, _ in samples])
"""
WHERE = {
    "in a sample": ["dataset.at=77"],
    "in the first of a batch": ["dataset.at=77", "dataset.batch_size=1"],
    "in a sample that is collated": [
        "dataset.at=77",
        "dataset.pairs=false",
        "dataset.collate_fn=own.collate",
    ],
    "in the collate function": ["dataset.pairs=false", "dataset.collate_fn=own.collate"],
}
WORDS = ["dataset._target_=own.Samples", "dataset.classes=3", *TINY[1:3], "hydra.run.dir=run"]
LAYERS = "{_target_:torch.nn.Flatten},{_target_:torch.nn.Linear,in_features:192,out_features:3}"
MODEL = f"model={{_target_:torch.nn.Sequential,_args_:[{LAYERS}]}}"


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("where", WHERE)
def test_a_run_ends_with_the_traceback(where: str, workers: int, command: Command) -> None:
    Path("own.py").write_text(OWN)
    said = command(*WORDS, MODEL, *WHERE[where], f"dataset.workers={workers}", code=1)
    assert "raised StopIteration" in said.err
    assert "next(iter(()))" in said.err
    assert record_of(Path("run"))["status"] == "failed"
