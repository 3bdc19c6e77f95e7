"""What a checked configuration holds, and that what third parties wrote passes the checks."""

# ruff: noqa: E501 - the words are kept as they are typed

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from sweepboard.building.prepare import prepare_resolved
from sweepboard.compose.interpolations import escaped, interpolations_of, resolved
from tests.preparing import Prepare, composed


def test_facts_follow_from_the_data_and_the_length(prepare: Prepare) -> None:
    prepared = prepare("trainer.epochs=3", "trainer.accumulate=2", "dataset.batch_size=100")
    facts = {
        "input_shape": [1, 28, 28],
        "outputs": 10,
        "classes": 10,
        "channels": 1,
        "features": 784,
        "steps": 135,
        "epochs": 3,
        "steps_per_epoch": 45,
    }
    assert prepared.config.values["facts"] == facts  # 9,000 samples, 90 batches
    assert prepared.config.values["model"]["input_shape"] == [1, 28, 28]


def test_automatic_values_are_filled_in(prepare: Prepare) -> None:
    config = prepare().config.values
    assert config["device"] in ("cpu", "cuda", "mps")
    assert isinstance(config["threads"], int)
    assert config["threads"] >= 1


def test_an_interpolation_is_kept_beside_its_value(prepare: Prepare) -> None:
    prepared = prepare("scheduler=onecycle", "optimizer.lr=0.25", "model.dropout=${optimizer.lr}")
    assert prepared.config.values["scheduler"]["max_lr"] == 0.25
    assert prepared.config.interpolations == {
        "model.input_shape": "facts.input_shape",
        "model.outputs": "facts.outputs",
        "model.dropout": "optimizer.lr",
        "scheduler.max_lr": "optimizer.lr",
        "scheduler.total_steps": "facts.steps",
    }


def test_relative_interpolations_are_made_absolute() -> None:
    config = OmegaConf.create(
        {"a": {"b": {"c": "${..d}", "e": ["${.[1]}", 1], "f": "x ${seed}"}, "d": 1}, "seed": 0}
    )
    assert interpolations_of(config)["a.b.c"] == "a.d"
    assert "a.b.f" not in interpolations_of(config)


def test_a_saved_configuration_prepares_to_itself(prepare: Prepare) -> None:
    words = (
        "scheduler=warmup_cosine",
        "optimizer.lr=0.25",
        "dataset=mnist",
        r"dataset.root='\${x} \\\${y} ${seed}'",
    )
    first = prepare(*words)
    assert first.config.values["dataset"]["root"].startswith("${x} ")
    again = prepare_resolved(first.config)
    assert again.config == first.config


def test_interpolations_are_followed_when_a_saved_configuration_is_changed(prepare: Prepare) -> None:
    first = prepare("scheduler=onecycle")
    first.config.values["optimizer"]["lr"] = 0.5
    first.config.values["trainer"]["epochs"] = 1
    again = prepare_resolved(first.config).config.values
    assert (again["scheduler"]["max_lr"], again["scheduler"]["total_steps"]) == (0.5, again["facts"]["steps"])


@given(st.recursive(st.text() | st.text(alphabet="\\${}a.:'"), lambda inner: st.lists(inner, max_size=3)))
def test_any_text_survives_the_config_system(value: object) -> None:
    assert resolved(OmegaConf.create(escaped({"key": value}))) == {"key": value}


def test_checking_draws_no_random_number_and_leaves_no_default(prepare: Prepare) -> None:
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = (random.random(), np.random.rand(), torch.rand(()).item())
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    prepare("model=resnet18")
    assert (random.random(), np.random.rand(), torch.rand(()).item()) == expected
    assert torch.empty(1).device.type == "cpu"


OWN = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width: int = 8, *, bias=True, **rest) -> None:
        super().__init__()
        assert not rest, rest
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, width, bias=bias), nn.Linear(width, 10))
    def forward(self, x):
        return self.layers(x)

class Shy(Net):  # cannot run on the meta device
    def forward(self, x):
        return super().forward(torch.from_numpy(x.numpy().copy()))

class Opt(torch.optim.SGD):
    pass

def loss(outputs, targets):
    return nn.functional.cross_entropy(outputs, targets)

def wrapped(body: nn.Module, scale: "float | None" = None):
    return body
"""
THIRD_PARTIES = {
    "a class of torch": ["optimizer._target_=torch.optim.RAdam"],
    "its own arguments": ["optimizer._target_=torch.optim.Adagrad", "optimizer.lr_decay=0.1"],
    "an own optimizer": ["optimizer._target_=own.Opt", "optimizer.momentum=0.5"],
    "an own model": ["model._target_=own.Net", "model.width=4"],
    "an own model that needs real numbers": ["model._target_=own.Shy"],
    "a model in a model": ["model._target_=own.wrapped", "model.body._target_=own.Net", "model.body.width=2"],
    "a loss of torch": ["task._target_=torch.nn.CrossEntropyLoss", "task.label_smoothing=0.1"],
    "a loss in a task": ["+task.loss={_target_: torch.nn.CrossEntropyLoss, reduction: mean}"],
    "a function as loss": ["task={_target_: own.loss, _partial_: true}"],
    "timm": ["model._target_=timm.create_model", "model.model_name=resnet10t", "model.in_chans=1", "model.num_classes=10"],
    "a model of torchvision": [
        "model={_target_: torchvision.models.resnet18, num_classes: 10}",
        "dataset={_target_: torchvision.datasets.FakeData, size: 50, image_size: [3, 16, 16], num_classes: 10}",
    ],
    "a scheduler of torch": [
        "scheduler._target_=torch.optim.lr_scheduler.ExponentialLR", "scheduler.gamma=0.9", "scheduler.interval=epoch",
    ],
}  # fmt: skip


@pytest.mark.parametrize("words", THIRD_PARTIES.values(), ids=THIRD_PARTIES.keys())
def test_third_parties_need_no_code(
    words: list[str], prepare: Prepare, module: Callable[[str, str], None]
) -> None:
    module("own", OWN)
    prepare(*words)


def test_a_test_set_of_a_third_party(prepare: Prepare) -> None:
    fake = "_target_: torchvision.datasets.FakeData, image_size: [3, 8, 8]"
    prepared = prepare("model=mlp", f"dataset={{{fake}, size: 40, test: {{{fake}, size: 20}}, classes: 10}}")
    assert prepared.source.sizes == {"train": 40, "test": 20}
    assert prepared.source.spec is not None
    assert prepared.source.spec.classes == 10


def test_a_typed_class_takes_only_what_it_knows(prepare: Prepare, module: Callable[[str, str], None]) -> None:
    module("own", OWN)
    config = prepare("optimizer._target_=own.Opt", "model._target_=own.Net").config.values
    ours = {"groups": None, "no_decay": None, "create_graph": None}
    assert config["optimizer"] == {"_target_": "own.Opt", "lr": 0.001, "fused": True, **ours}
    assert config["model"] == {"_target_": "own.Net"}


def test_own_yaml_and_own_class(prepare: Prepare, module: Callable[[str, str], None], tmp_path: Path) -> None:
    module("own", OWN)
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text("_target_: own.Net\nwidth: 3\n")
    prepared = prepare("model=mine", config_dir=tmp_path / "conf")
    assert prepared.config.groups["model"] == "mine"
    assert prepared.config.values["model"] == {"_target_": "own.Net", "width": 3}


def test_hydras_resolver_works_before_hydra_runs(prepare: Prepare) -> None:
    assert prepare("dataset=mnist", "dataset.root=${hydra:runtime.cwd}").config.values["dataset"][
        "root"
    ] == str(Path.cwd())


def test_how_jobs_are_run_is_no_part_of_one(prepare: Prepare) -> None:
    assert "sweep" not in prepare("sweep.jobs=2").config.values
    assert "hydra" not in prepare().config.values


def test_the_composed_configuration_is_left_alone() -> None:
    from sweepboard.building.prepare import prepare

    config = composed(())
    before = OmegaConf.to_yaml(config)
    prepare(config, {}, ())
    assert OmegaConf.to_yaml(config) == before


def test_threads_are_what_the_environment_says_then_all_cores(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert prepare().config.values["threads"] == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert prepare().config.values["threads"] == len(os.sched_getaffinity(0))
    assert prepare("threads=2").config.values["threads"] == 2
