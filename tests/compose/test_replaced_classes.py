"""A class in YAML over that of another file, or typed: what was meant for the other class only is dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from sweepboard import plain_yaml
from sweepboard.compose import replaced_classes
from tests.command import TINY, Command, only_run, record_of

PROBE = """
import torch
from torch import nn
from sweepboard.models import MLP

class Net(nn.Module):
    def __init__(self, features, outputs, act=None, **others):
        super().__init__()
        assert not others, others
        self.layer = nn.Linear(features, outputs)

    def forward(self, inputs):
        return self.layer(inputs.flatten(1))

class Wide(Net):
    def __init__(self, features, outputs, dropout=0.1, hidden=(7,)):
        super().__init__(features, outputs)
        self.dropout, self.hidden = dropout, hidden

class Deeper(MLP):
    def __init__(self, input_shape, outputs, hidden=(7,), depth=1):
        super().__init__(input_shape, outputs, hidden)

class Step(torch.optim.SGD):
    def __init__(self, params, lr=0.3, weight_decay=0.2):
        super().__init__(params, lr=lr, weight_decay=weight_decay)

class Data:
    def __init__(self, count): self.count = count
    def __len__(self): return self.count
    def __getitem__(self, index): return torch.full((4,), float(index)), index % 2
"""
NET = "_target_: probe.Net\nfeatures: ${facts.features}\noutputs: ${facts.outputs}\n"
OWN = ["--config-dir", "own", *TINY[1:], "dataset=gaussian"]
WIDE = {"_target_": "probe.Wide", "features": "${facts.features}", "outputs": "${facts.outputs}"}
PRESETS: dict[str, dict[str, Any]] = {
    "radam": {"optimizer": {"_target_": "torch.optim.RAdam"}},
    "adamax": {"optimizer": {"_target_": "torch.optim.Adamax", "lr": 0.5}},
    "typo": {"optimizer": {"_target_": "torch.optim.RAdam", "nesterov": True}},
    "net": {
        "model": {"_target_": "probe.Net", "features": "${facts.features}", "outputs": "${facts.outputs}"}
    },
    "step": {
        "defaults": [{"override /scheduler": "cosine"}],
        "scheduler": {"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": 3},
    },
    "data": {
        "defaults": [{"override /dataset": "gaussian"}],
        "dataset": {"_target_": "probe.Data", "count": 40, "classes": 2},
    },
    "wide": {"defaults": [{"override /model": "mlp"}], "model": {**WIDE, "dropout": 0.3}},
    "wider": {"defaults": ["wide", "_self_"], "model": {"hidden": [5]}},
    "loss": {"task": {"_target_": "torch.nn.MultiMarginLoss", "margin": 2.0}},
    "nested": {"defaults": [{"override /model": "acting"}], "model": {"act": {"_target_": "torch.nn.Tanh"}}},
}  # fmt: skip


@pytest.fixture
def own(command: Command) -> Command:
    """Runs commands beside a folder of YAML of the user's own."""
    files = {
        "probe.py": PROBE,
        "own/optimizer/mine.yaml": "defaults: [adam, _self_]\n_target_: torch.optim.RAdam\n",
        "own/model/acting.yaml": f"defaults: [act: leaky, _self_]\n{NET}",
        "own/model/act/leaky.yaml": "_target_: torch.nn.LeakyReLU\nnegative_slope: 0.5\n",
        "own/model/any.yaml": f"{NET}depth: 2\n",
        "set/config.yaml": "optimizer: {_target_: torch.optim.RAdam}\n",
    }
    files |= {
        f"own/experiment/{name}.yaml": f"# @package _global_\n{plain_yaml.dump(content)}"
        for name, content in PRESETS.items()
    }
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    return command


def config_of_run() -> dict[str, Any]:
    loaded = plain_yaml.load((only_run(Path("outputs")) / "config.yaml").read_text())
    assert isinstance(loaded, dict)
    return loaded


@pytest.mark.parametrize(
    ("words", "group", "has", "has_not"),
    [
        (["model=linear", "experiment=radam"], "optimizer", {"_target_": "torch.optim.RAdam"}, ["fused"]),
        (["model=linear", "experiment=adamax"], "optimizer", {"lr": 0.5}, ["fused"]),
        (["model=linear", "optimizer=mine"], "optimizer", {"_target_": "torch.optim.RAdam"}, ["fused"]),
        (["experiment=net"], "model", {"_target_": "probe.Net"}, ["dropout", "width"]),
        (["model=linear", "experiment=step"], "scheduler", {"step_size": 3}, ["T_max", "total_steps"]),
        (["model=linear", "experiment=data"], "dataset", {"count": 40}, ["noise", "spread"]),
        (["model=linear", "experiment=loss"], "task", {"margin": 2.0}, ["label_smoothing"]),
        (["experiment=nested"], "model", {"act": {"_target_": "torch.nn.Tanh"}}, []),
        (["model=acting", "model.act._target_=torch.nn.Tanh"], "model",
         {"act": {"_target_": "torch.nn.Tanh"}}, []),
    ],
)  # fmt: skip
def test_a_class_in_yaml(
    own: Command, words: list[str], group: str, has: dict[str, Any], has_not: list[str]
) -> None:
    own(*OWN[:-1], *([] if "experiment=data" in words else [OWN[-1]]), *words)
    found = config_of_run()[group]
    assert {key: found[key] for key in has} == has
    assert not set(has_not) & set(found)


WORDS = ["model.features=${facts.features}", "model._target_=probe.Wide"]


@pytest.mark.parametrize(
    ("words", "group", "expected"),
    [
        (["experiment=wide"], "model", {"dropout": 0.3}),
        (["experiment=wider"], "model", {"dropout": 0.3, "hidden": [5]}),
        (["experiment=wide", "model.hidden=[4]"], "model", {"dropout": 0.3, "hidden": [4]}),
        (["model=mlp", *WORDS], "model", {}),
        (["model=mlp", "model.dropout=0.2", *WORDS], "model", {"dropout": 0.2}),
        (["experiment=wide", "model._target_=probe.Wide"], "model", {"dropout": 0.3}),
        (["model=mlp", "model._target_=probe.Deeper"], "model",
         {"input_shape": [32], "hidden": [256, 128]}),
        (["model=linear", "optimizer=adamw", "optimizer._target_=probe.Step"], "optimizer",
         {"lr": 0.001}),
    ],
)  # fmt: skip
def test_what_was_chosen_for_another_class_is_no_argument_of_the_new_one(
    own: Command, words: list[str], group: str, expected: dict[str, Any]
) -> None:
    own(*OWN, *words)
    found = config_of_run()[group]
    if group == "optimizer":  # the runner's own keys
        found = {key: found[key] for key in found if key in ("lr", "weight_decay", "fused")}
    of_facts = {"_target_", "features", "outputs"}
    assert {key: value for key, value in found.items() if key not in of_facts} == expected


def test_a_sweep_over_classes(own: Command) -> None:
    own("-m", *OWN, "model=linear", "optimizer=adamw", "optimizer._target_=probe.Step,torch.optim.AdamW")
    found = [plain_yaml.load(path.read_text()) for path in Path("outputs").glob("sweeps/*/*/config.yaml")]
    decays = {each["optimizer"]["_target_"]: each["optimizer"].get("weight_decay") for each in found}
    assert decays["probe.Step"] is None
    assert decays["torch.optim.AdamW"] == 0.01


def test_a_rerun_with_another_class(own: Command) -> None:
    own(*OWN, "model=linear", "optimizer=adamw", "optimizer.lr=0.25")
    run = str(only_run(Path("outputs")))
    own("rerun", run, "optimizer._target_=probe.Step")
    configs = [plain_yaml.load(path.read_text()) for path in Path("outputs").glob("*/*/config.yaml")]
    found = next(each["optimizer"] for each in configs if each["optimizer"]["_target_"] == "probe.Step")
    assert (found["lr"], "weight_decay" in found, "fused" in found) == (0.25, False, False)


def test_a_nested_option_is_named_by_the_class_that_replaced_its_own(own: Command) -> None:
    own(*OWN, "model=acting", "hydra.run.dir=leaky")
    own(*OWN, "model=acting", "model.act._target_=torch.nn.Tanh", "hydra.run.dir=tanh")
    options = [record_of(Path(run))["groups"]["model/act"] for run in ("leaky", "tanh")]
    assert options == ["leaky", "torch.nn.Tanh"]


def test_a_class_in_ones_own_config(own: Command) -> None:
    own("--config-dir", "set", *TINY, "dataset=gaussian")
    assert "fused" not in config_of_run()["optimizer"]


def test_what_the_preset_itself_gives_is_checked(own: Command) -> None:
    said = own(*OWN, "model=linear", "experiment=typo", code=2)
    assert "optimizer.nesterov: torch.optim.RAdam has no such argument" in said.line
    said = own(*OWN, "model=linear", "experiment=radam", "optimizer.fused=true", code=2)
    assert "optimizer.fused: torch.optim.RAdam has no such argument" in said.line


def test_nothing_is_dropped_where_no_class_was_replaced(own: Command) -> None:
    said = own(*OWN, "model=any", code=2)
    assert "{'depth': 2}" in said.line  # handed to **others


def test_in_a_sweep_and_a_search(own: Command) -> None:
    words = [*OWN, "model=linear"]
    listed = own("plan", *words, "optimizer=mine,sgd", "optimizer.lr=0.1,0.2")
    assert "4 jobs" in listed.out
    assert "4 jobs" in own("plan", *words, "experiment=radam,adamax", "seed=1,2").out
    said = own("plan", *words, "experiment=radam,typo", code=2)
    assert said.line.startswith("sweepboard: in experiment=typo: optimizer.nesterov")
    own("-m", *words, "hydra/sweeper=optuna", "hydra.sweeper.trials=1", "experiment=radam",
        "optimizer.lr=interval(0.1,0.2)")  # fmt: skip
    assert "fused" not in config_of_run()["optimizer"]


def test_in_jobs_that_hydra_composes(own: Command) -> None:
    own("-m", *OWN, "model=linear", "hydra/sweeper=basic", "hydra/launcher=basic", "experiment=radam")
    assert "fused" not in config_of_run()["optimizer"]


def test_in_a_rerun_with_another_option(own: Command) -> None:
    own(*OWN, "model=linear")
    own("rerun", str(only_run(Path("outputs"))), "--config-dir", "own", "optimizer=mine")
    configs = [plain_yaml.load(path.read_text()) for path in Path("outputs").glob("*/*/config.yaml")]
    assert any(each["optimizer"]["_target_"] == "torch.optim.RAdam" for each in configs)


def test_a_class_that_is_added_replaces_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its command does not read the YAML files a second time."""

    class Again(Exception):
        pass

    def layers(*_: object) -> None:
        raise Again

    monkeypatch.setattr(replaced_classes, "file_layers", layers)
    config = OmegaConf.create({"callbacks": {"mine": {"_target_": "my.Own"}}})
    for added in ("+callbacks.mine._target_=my.Own", "+callbacks.mine._target_='my.Own'"):
        replaced_classes.follow_targets(config, [added, "seed=1"], {})
    for other in (
        "callbacks.mine._target_=my.Own",
        "++callbacks.mine._target_=my.Own",
        "+model={_target_: x.Y}",
    ):
        with pytest.raises(Again):
            replaced_classes.follow_targets(config, [other], {})
