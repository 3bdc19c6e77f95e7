"""A value that follows a fact of pairs, where the samples are none: told with what a sample is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import TINY, Command

OWN = """
import torch
from torch.utils.data import Dataset

TARGETS = {
    "onehot": torch.tensor([0, 1, 0]), "mask": torch.zeros(8, 8, dtype=torch.long), "text": "cat",
    "named": {"label": 1}, "complex": torch.tensor(1j),
}

class Samples(Dataset):
    def __init__(self, kind): self.kind = kind
    def __len__(self): return 60
    def __getitem__(self, index):
        return torch.full((3, 8, 8), index / 60), TARGETS[self.kind]
"""
START = "sweepboard: model.input_shape: ${facts.input_shape} is known of (input, target) pairs, "
TOLD = {
    "onehot": "has a target of shape (3,) and type torch.int64, neither one class number nor real numbers: "
    "use target.argmax() where it is one-hot",
    "mask": "has a target of shape (8, 8) and type torch.int64",
    "text": "not (Tensor, str); turn text into numbers first",
    "named": "not (Tensor, dict); give two of its values as a tuple (it has label)",
    "complex": "has a target of shape () and type torch.complex64",
}


@pytest.mark.parametrize("kind", TOLD)
def test_samples_that_are_no_pairs(kind: str, command: Command) -> None:
    Path("own.py").write_text(OWN)
    line = command("dataset._target_=own.Samples", f"dataset.kind={kind}", *TINY, code=2).line
    assert line.startswith(f"{START}and a sample of Samples ")
    assert TOLD[kind] in line
    assert line.endswith("; else type model.input_shape=..., or choose another model")
    assert not Path("outputs").exists()


def test_a_collate_function_decides_what_a_batch_is(command: Command) -> None:
    Path("own.py").write_text(
        f"{OWN}\ndef collate(samples): return torch.utils.data.default_collate(samples)\n"
    )
    words = ["dataset._target_=own.Samples", "dataset.kind=onehot", "dataset.collate_fn=own.collate"]
    advice = "which the samples here are not: type model.input_shape=..., or choose another model"
    assert command(*words, *TINY, code=2).line == f"{START}{advice}"
