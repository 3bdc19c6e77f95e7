"""What `dataset` says beside its constructor's arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sweepboard.building.open_data import check_dataset, open_data
from sweepboard.data.prepare import prepare_data
from sweepboard.data.types import Data
from sweepboard.errors import ConfigError
from sweepboard.settings import DatasetSettings

MODULE = """
import torch
from torch.utils.data import Dataset

class Own(Dataset):
    num_classes = 2
    def __init__(self, size=8, shift=0.0, noise=False, words=False):
        self.size, self.shift, self.noise, self.words = size, shift, noise, words
    def __len__(self):
        return self.size
    def __getitem__(self, index):
        if self.words:
            return "x" * (index + 1)
        value = torch.full((2,), index + self.shift)
        return value + torch.rand(2) if self.noise else value, index % 2

class Made(Own):
    def __init__(self, size=8, noise=False):
        super().__init__(size)
        self.values = torch.rand(size)
    def __getitem__(self, index):
        return self.values[index], index % 2

class Seen:
    def __init__(self, scale=1):
        self.scale = scale
    def __call__(self, samples):
        return torch.tensor([len(text) * self.scale for text in samples])

def lengths(samples):
    return torch.tensor([len(text) for text in samples])

def scaled(scale):
    return Seen(scale)

def backwards(dataset, step=1):
    return list(range(len(dataset)))[::-step]

def loud(number):
    raise ValueError(f"worker {number} has begun")

three = 3
"""


@pytest.fixture(autouse=True)
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "opened_sets.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


def opened(**dataset: Any) -> Data:
    node = {"_target_": "opened_sets.Own", **dataset}
    settings = {name: node.pop(name) for name in list(node) if name in vars(DatasetSettings())}
    config = {"dataset": node}
    check_dataset(config)
    chosen = DatasetSettings(**{"batch_size": 4, "val_fraction": 0.0, "shuffle": False, **settings})
    return prepare_data(open_data(config), chosen, 0, torch.device("cpu"))


def batches(data: Data) -> list[Any]:
    return [batch.tolist() for batch in data.train.epoch(0)]


@pytest.mark.parametrize(
    ("given", "scale"),
    [
        ("opened_sets.lengths", 1),
        ({"_target_": "opened_sets.lengths"}, 1),
        ({"_target_": "opened_sets.lengths", "_partial_": True}, 1),
        ("opened_sets.Seen", 1),
        ({"_target_": "opened_sets.Seen", "scale": 3}, 3),
        ({"_target_": "opened_sets.scaled", "scale": 2}, 2),
    ],
)
def test_a_collate_function_is_named_or_built(given: Any, scale: int) -> None:
    data = opened(words=True, collate_fn=given)
    assert batches(data) == [[scale * n for n in (1, 2, 3, 4)], [scale * n for n in (5, 6, 7, 8)]]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("opened_sets.length", "dataset.collate_fn: there is no length in opened_sets; did you mean"),
        ("opened_sets.three", "dataset.collate_fn: opened_sets.three is a int; name a class or a function"),
        ({"_target_": "opened_sets.Own"}, "dataset.collate_fn: a Own cannot be called; name a function"),
        ({"scale": 3}, "dataset.collate_fn: needs the name of a function, or dataset.collate_fn._target_"),
        ({"_target_": "opened_sets.Seen", "sale": 3}, "dataset.collate_fn.sale: .* no such argument; did"),
        (7, "dataset.collate_fn: needs the name of a function"),
    ],
)
def test_what_is_no_function_is_told(given: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=f"^{told}"):
        opened(words=True, collate_fn=given)


def test_a_validation_set_of_its_own() -> None:
    data = opened(val={"_target_": "opened_sets.Own", "size": 3, "shift": 10.0}, val_fraction=0.5)
    assert data.val is not None
    assert data.train.size == 8
    assert data.val.first(3)[0][:, 0].tolist() == [10, 11, 12]


def test_the_held_out_share_is_read_by_a_second_instance() -> None:
    with pytest.raises(ConfigError, match=r"type dataset.eval=\{argument: value\} .*, or dataset.eval_trans"):
        opened(noise=True, val_fraction=0.5)
    data = opened(noise=True, val_fraction=0.5, eval={"noise": False})
    assert data.val is not None
    held_out = torch.cat([inputs for inputs, _ in data.val.epoch(0)])
    assert torch.equal(held_out, held_out.round())
    with pytest.raises(ConfigError, match=r"^dataset.eval.nose: .*did you mean dataset.eval.noise"):
        opened(noise=True, eval={"nose": False})
    with pytest.raises(ConfigError, match=r"^dataset.eval: Own has 5 samples with it, but 8 without"):
        opened(eval={"size": 5})


def test_a_data_set_that_is_drawn_when_it_is_made_is_the_same_in_every_process() -> None:
    """As tutorials make their data: else no resumed run would have the samples that it began with."""
    made = "opened_sets.Made"
    torch.manual_seed(1)
    first = opened(_target_=made, val={"_target_": made})
    drawn = torch.rand(2)
    torch.manual_seed(2)
    again = opened(_target_=made, val={"_target_": made})
    assert first.fingerprint != opened(_target_=made, size=9).fingerprint
    assert first.val is not None
    assert again.val is not None
    samples = [next(iter(part.epoch(0)))[0] for part in (first.train, again.train, first.val, again.val)]
    assert torch.equal(samples[0], samples[1])
    assert torch.equal(samples[2], samples[3])
    assert not torch.equal(samples[0], samples[2])  # another data set of the class
    torch.manual_seed(1)
    assert torch.equal(torch.rand(2), drawn)  # the run's own generators are left alone
    held_out = opened(_target_=made, val_fraction=0.5, eval={"noise": True})
    assert held_out.val is not None
    inputs, _ = next(iter(held_out.val.epoch(0)))
    assert {float(value) for value in inputs} <= {float(value) for value in _all_inputs(made)}


def _all_inputs(made: str) -> torch.Tensor:
    data = opened(_target_=made)
    return torch.cat([inputs for inputs, _ in data.train.epoch(0)]).flatten()


def test_a_sampler_is_given_the_data_set_where_it_takes_one() -> None:
    first = [[7, 6, 5, 4], [3, 2, 1, 0]]
    data = opened(sampler="opened_sets.backwards")
    assert [inputs[:, 0].tolist() for inputs, _ in data.train.epoch(0)] == first
    data = opened(sampler={"_target_": "opened_sets.backwards", "step": 2})
    assert [inputs[:, 0].tolist() for inputs, _ in data.train.epoch(0)] == [[7, 5, 3, 1]]
    weighted = {"_target_": "torch.utils.data.WeightedRandomSampler", "num_samples": 6}
    data = opened(sampler={**weighted, "weights": [0, 0, 0, 1, 0, 0, 0, 0]})
    assert {float(value) for inputs, _ in data.train.epoch(0) for value in inputs[:, 0]} == {3}
    with pytest.raises(ConfigError, match=r"^dataset.sampler.weights: .* needs this argument"):
        opened(sampler={"_target_": "torch.utils.data.WeightedRandomSampler", "num_samples": 6})
    with pytest.raises(ConfigError, match=r"^dataset.batch_sampler: .*leave dataset.sampler out"):
        opened(sampler="opened_sets.backwards", batch_sampler="opened_sets.backwards")


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_begin_as_they_are_told(context: str) -> None:
    settings = {"workers": 2, "multiprocessing_context": context, "prefetch_factor": 3}
    assert batches(opened(words=True, collate_fn="opened_sets.lengths", **settings)) == [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
    ]
    with pytest.raises(ValueError, match="worker 0 has begun"):
        batches(opened(words=True, worker_init_fn="opened_sets.loud", **{**settings, "workers": 1}))
