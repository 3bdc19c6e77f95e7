"""Optimizers by name, parameter groups by patterns, and what a class takes first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sweepboard.building.assemble import build_model
from sweepboard.building.optimizers import build_optimizers
from sweepboard.hyperparameters import hparams
from tests.preparing import Mistake, Prepare, told

NETS = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Flatten(), nn.Linear(32, 8), nn.LayerNorm(8), nn.Linear(8, 8))
        self.head = nn.Linear(8, 10)

    def forward(self, inputs):
        return self.head(self.backbone(inputs))

class OfNames(torch.optim.SGD):
    def __init__(self, named_parameters, lr=0.1):
        self.names = [name for name, _ in named_parameters]
        super().__init__([parameter for _, parameter in named_parameters], lr=lr)

class OfModel(torch.optim.SGD):
    def __init__(self, network: nn.Module, lr=0.1):
        self.network = network
        super().__init__(network.parameters(), lr=lr)

class NoRate(torch.optim.Optimizer):
    def __init__(self, params, momentum=0.9):
        super().__init__(params, {"momentum": momentum})

    def step(self, closure=None):
        pass

def by_depth(model, decay):
    layers = [model.backbone, model.head]
    return [{"params": list(each.parameters()), "lr_scale": decay ** n} for n, each in enumerate(layers)]

def halves(model):
    return [{"params": list(model.head.parameters())}]

def nothing(params, lr=0.1):
    return 3
"""
HEAD, BACKBONE = ["head.weight", "head.bias"], ["backbone.1.weight", "backbone.1.bias"]
BARE = ("dataset=gaussian", "model={_target_: nets.Net}")
RUN = (*BARE, "optimizer=adamw")


@pytest.fixture(autouse=True)
def nets(module: Callable[[str, str], None]) -> None:
    module("nets", NETS)


Built = tuple[dict[str, torch.optim.Optimizer], nn.Module]


@pytest.fixture
def built(prepare: Prepare) -> Callable[..., Built]:
    def run(*words: str, config_dir: Path | None = None) -> Built:
        given = () if "~optimizer" in words else RUN[2:]
        config = prepare(*BARE, *given, *words, config_dir=config_dir).config
        model = build_model(config)
        return build_optimizers(config.values["optimizer"], model), model

    return run


def groups_of(optimizer: torch.optim.Optimizer, model: nn.Module, *values: str) -> list[tuple[Any, ...]]:
    """Name, chosen values and names of parameters of each group."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [
        (
            group.get("name"),
            *(group[value] for value in values),
            " ".join(names[id(one)] for one in group["params"]),
        )
        for group in optimizer.param_groups
    ]


def test_without_groups_there_is_one(built: Callable[..., Built]) -> None:
    optimizers, model = built()
    (group,) = optimizers["optimizer"].param_groups
    assert [id(one) for one in group["params"]] == [id(one) for one in model.parameters()]


@pytest.mark.parametrize(
    "words",
    [
        ["optimizer.groups.backbone.lr=1e-4"],
        ["optimizer.groups.backbone={params: 'backbone.*', lr: 1e-4}"],
        ["optimizer.groups.backbone.lr_scale=0.1"],
        ["optimizer.groups.backbone={params: ['back*.[0-9]'], lr: 1e-4}"],
    ],
)
def test_a_group_has_values_of_its_own(words: list[str], built: Callable[..., Built]) -> None:
    optimizers, model = built(*words)
    first, second = groups_of(optimizers["optimizer"], model, "lr", "weight_decay")
    assert first == (None, 0.001, 0.01, "head.weight head.bias")
    assert second[:3] == ("backbone", pytest.approx(1e-4), 0.01)
    assert second[3].split() == [name for name, _ in model.named_parameters() if "backbone" in name]


def test_no_decay_in_a_word(built: Callable[..., Built]) -> None:
    optimizers, model = built("optimizer.no_decay=[bias,norm]", "optimizer.groups.head.lr=1.0")
    assert groups_of(optimizers["optimizer"], model, "lr", "weight_decay") == [
        (None, 0.001, 0.01, "backbone.1.weight backbone.3.weight"),
        (None, 0.001, 0.0, "backbone.1.bias backbone.2.weight backbone.2.bias backbone.3.bias"),
        ("head", 1.0, 0.01, "head.weight"),
        ("head", 1.0, 0.0, "head.bias"),
    ]
    optimizers, model = built("optimizer.no_decay=bias")
    assert groups_of(optimizers["optimizer"], model, "weight_decay")[1][2].count("bias") == 4
    optimizers, model = built("optimizer.no_decay=[head.weight]")
    assert groups_of(optimizers["optimizer"], model, "weight_decay")[1] == (None, 0.0, "head.weight")


def test_groups_by_a_function_of_the_model(built: Callable[..., Built]) -> None:
    optimizers, model = built("optimizer.groups={_target_: nets.by_depth, decay: 0.5}")
    (_, one, names), (_, other, _) = groups_of(optimizers["optimizer"], model, "lr")
    assert (one, other) == (0.001, 0.0005)
    assert names.startswith("backbone.1.weight")
    pytest.importorskip("timm")
    optimizers, _ = built("optimizer.groups={_target_: timm.optim.param_groups_weight_decay}")
    assert [group["weight_decay"] for group in optimizers["optimizer"].param_groups] == [0.0, 1e-5]


MISTAKES = told(
    r"""
optimizer.groups.backbon.lr=1
    optimizer.groups.backbon: no parameter of the model matches backbon (did you mean backbone?);
    type optimizer.groups.backbon.params=...

optimizer.groups.x={params: zzz, lr: 1}
    optimizer.groups.x: no parameter of the model matches zzz (there are backbone, head); type
    optimizer.groups.x.params=...

optimizer.groups.x={params: head, ndim: 3, lr: 1}
    optimizer.groups.x.ndim: no parameter of head has 3 dimensions

optimizer.groups={a: {params: '*'}, head: {lr: 1}}
    optimizer.groups.head: takes head.weight, which optimizer.groups.a has; let their params name
    others

optimizer.groups.head.wd=1
    optimizer.groups.head.wd: torch.optim.AdamW has no such argument; did you mean
    optimizer.groups.head.weight_decay?

optimizer.groups.head.lr=fast
    optimizer.groups.head.lr: needs a number or Tensor, got fast

optimizer.groups.head.lr=0
    optimizer.groups.head.lr: must be a finite number above 0, got 0

optimizer.groups.head={lr: 1, lr_scale: 1}
    optimizer.groups.head.lr_scale: there is optimizer.groups.head.lr, too; give one of them

optimizer.groups.head.weight_decay=-1.0
    optimizer.groups.head: torch.optim.AdamW cannot be built: ValueError: Invalid weight_decay
    value: -1.0

optimizer.groups.head=1
    optimizer.groups.head: needs a mapping, as {params: 'head.*', lr: 0.0001}

optimizer.groups=[head]
    optimizer.groups: needs a mapping or null, got ['head']

optimizer.groups.head.params=[3]
    optimizer.groups.head.params: needs a text or a list, each a text or null, got [3]

optimizer.no_decay=[norms.*]
    optimizer.no_decay: no parameter of the model matches norms.* (there are backbone, head); the
    words are bias and norm

optimizer.no_decay=[1]
    optimizer.no_decay: needs a text or a list, each a text or null, got [1]

optimizer.groups={_target_: nets.halves}
    optimizer.groups: nets.halves must return the parameters of this optimizer, each once;
    backbone.1.bias is missing

optimizer.params=head
    optimizer.params: given by sweepboard itself; leave it out

optimizer={_target_: nets.nothing}
    optimizer: nets.nothing gave a int, not a torch.optim.Optimizer

optimizer={_target_: nets.OfModel, no_decay: bias}
    optimizer: nets.OfModel takes the whole model and divides it itself; leave out groups, no_decay
    and other optimizers

optimizer={_target_: nets.OfNames, no_decay: bias}
    optimizer: nets.OfNames makes groups itself from names of parameters; leave out groups and
    no_decay

optimizer={_target_: nets.NoRate, no_decay: bias}
    optimizer.no_decay: nets.NoRate has no weight decay; leave it out

optimizer={_target_: torch.optim.Muon}
    optimizer: torch.optim.Muon is for matrices, and backbone.1.bias is none: type optimizer=muon,
    where AdamW trains the others, or give it `ndim: 2` beside another one
"""
)


@pytest.mark.parametrize("word", MISTAKES)
def test_a_mistake_is_told_before_a_folder_is_made(word: str, mistake: Mistake) -> None:
    assert mistake(*RUN, word) == MISTAKES[word]


def test_what_a_class_takes_first(built: Callable[..., Built]) -> None:
    optimizers, model = built("optimizer._target_=nets.OfNames")
    optimizer: Any = optimizers["optimizer"]
    assert optimizer.names == [name for name, _ in model.named_parameters()]
    optimizers, model = built("optimizer._target_=nets.OfModel")
    optimizer = optimizers["optimizer"]
    assert optimizer.network is model
    pytest.importorskip("timm")
    optimizers, model = built("optimizer._target_=timm.optim.create_optimizer_v2", "optimizer.lr=0.5")
    assert {group["lr"] for group in optimizers["optimizer"].param_groups} == {0.5}


GAN = "{a: {_target_: torch.optim.SGD, params: backbone, lr: 1}, head: {_target_: torch.optim.Adam}}"
SEVERAL = ("~optimizer", f"optimizer={GAN}")


def test_several_by_name(built: Callable[..., Built], prepare: Prepare) -> None:
    words = ("optimizer.head.no_decay=bias", "optimizer.a.groups.x.params=backbone.1")
    optimizers, model = built(*SEVERAL, *words)
    assert [(name, type(one).__name__) for name, one in optimizers.items()] == [
        ("a", "SGD"),
        ("head", "Adam"),
    ]
    assert groups_of(optimizers["head"], model, "weight_decay") == [
        (None, 0, "head.weight"),
        (None, 0.0, "head.bias"),
    ]
    assert [name for name, *_ in groups_of(optimizers["a"], model)] == [None, "x"]
    config = prepare(*BARE, *SEVERAL).config
    row = hparams(config.values, config.groups)
    assert (row["optimizer.a.lr"], row["optimizer.head._target_"]) == (1, "torch.optim.Adam")


def test_several_in_own_yaml_and_in_a_preset(built: Callable[..., Built], tmp_path: Path) -> None:
    for folder in ("optimizer", "experiment"):
        (tmp_path / "conf" / folder).mkdir(parents=True)
    body = "head: {_target_: torch.optim.Adam, lr: 0.1}\nrest: {_target_: torch.optim.SGD, params: rest}\n"
    (tmp_path / "conf/optimizer/two.yaml").write_text(body)
    preset = f"# @package _global_\ndefaults:\n  - override /optimizer: null\noptimizer: {GAN}\n"
    (tmp_path / "conf/experiment/gan.yaml").write_text(preset)
    optimizers, _ = built("optimizer=two", "optimizer.head.lr=0.2", config_dir=tmp_path / "conf")
    assert optimizers["head"].param_groups[0]["lr"] == 0.2
    assert len(optimizers["rest"].param_groups[0]["params"]) == 6


def test_another_class_for_one_keeps_its_parameters(built: Callable[..., Built], tmp_path: Path) -> None:
    (tmp_path / "conf/optimizer").mkdir(parents=True)
    sgd = "_target_: torch.optim.SGD"
    two = f"a: {{{sgd}, params: backbone, momentum: 0.9}}\nb: {{{sgd}, params: head}}"
    (tmp_path / "conf/optimizer/two.yaml").write_text(two)
    words = ("optimizer=two", "optimizer.a._target_=torch.optim.Adam")
    optimizers, model = built(*words, config_dir=tmp_path / "conf")
    assert type(optimizers["a"]) is torch.optim.Adam
    assert len(optimizers["a"].param_groups[0]["params"]) == 6
    assert groups_of(optimizers["b"], model) == [(None, "head.weight head.bias")]


OF_SEVERAL = told(
    r"""
optimizer.head.params=head.bias
    optimizer: no optimizer trains head.weight; let one have `params: rest`, or freeze them

optimizer.head.params='*'
    optimizer.head: takes backbone.1.weight, which optimizer.a has; let their params name others

optimizer.head.lrr=1
    optimizer.head.lrr: torch.optim.Adam has no such argument; did you mean optimizer.head.lr?

optimizer.head.lr=-1
    optimizer.head.lr: must be a finite number above 0, got -1

optimizer.b={lr: 1}
    optimizer.b: one of several optimizers needs a _target_

optimizer.lr=1
    optimizer.lr: one of several optimizers needs a _target_

optimizer.groups.head.lr=1
    optimizer.groups: there are several optimizers; type optimizer.a.groups
"""
)


@pytest.mark.parametrize("word", OF_SEVERAL)
def test_a_mistake_with_several(word: str, mistake: Mistake) -> None:
    assert mistake(*BARE, *SEVERAL, word) == OF_SEVERAL[word]


def test_none_is_told(mistake: Mistake) -> None:
    assert mistake(*BARE, "~optimizer").startswith(
        "optimizer._target_: no class is named; type one, or optimizer="
    )
