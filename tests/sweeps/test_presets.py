"""Sweeps and searches that stand in YAML say what the same words say when they are typed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from sweepboard import plain_yaml
from tests.command import TINY as OF_LINEAR
from tests.command import Command

PROBE = """
from torch import nn

class Net(nn.Module):
    def __init__(self, features, outputs, act=None, tag=None, items=None, n=1, path="", ref=None):
        super().__init__()
        self.layer = nn.Linear(features, outputs)

    def forward(self, inputs):
        return self.layer(inputs.flatten(1))
"""
MODEL = "_target_: probe.Net\nfeatures: ${facts.features}\noutputs: ${facts.outputs}\n"
OWN = ["--config-dir", "own"]
TINY = [word for word in OF_LINEAR if word != "model=linear"]


@pytest.fixture
def own(command: Command) -> Command:
    """Runs commands beside a folder of YAML of the user's own."""
    files = {
        "probe.py": PROBE,
        "own/model/probe.yaml": MODEL,
        "own/model/one.yaml": f"defaults: [act: relu, _self_]\n{MODEL}tag: 1\n",
        "own/model/two.yaml": f"defaults: [act: relu, _self_]\n{MODEL}tag: 2\n",
        "own/model/act/relu.yaml": "_target_: torch.nn.ReLU\n",
        "own/model/act/tanh.yaml": "_target_: torch.nn.Tanh\n",
    }
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    return command


def preset(name: str, content: dict[str, Any]) -> None:
    path = Path(f"own/experiment/{name}.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# @package _global_\n{plain_yaml.dump(content)}")


def sweep_of(params: Any, **others: Any) -> dict[str, Any]:
    return {"hydra": {"mode": "MULTIRUN", "sweeper": {"params": params}}, **others}


def jobs(command: Command, *words: str) -> list[str]:
    return [entry["job"] for entry in command("plan", "--json", *OWN, *TINY, *words).json]


@pytest.mark.parametrize(
    ("params", "typed"),
    [
        ({"seed": "1,2", "model.tag": None}, ["seed=1,2", "model.tag=null"]),
        ({"optimizer.lr": [0.1, 0.2]}, ["optimizer.lr=0.1,0.2"]),
        ({"seed": "1,2", "model.ref": "${seed}"}, ["seed=1,2", "model.ref=${seed}"]),
        ({"optimizer": {"lr": "0.1,0.2"}}, ["optimizer.lr=0.1,0.2"]),
        ({"seed": "1,2", "model.path": "a b=c"}, ["seed=1,2", "model.path='a b=c'"]),
        ({"seed": "1,2", "trainer.grad_clip": None}, ["seed=1,2", "trainer.grad_clip=null"]),
        (
            {"model.items": [[1, 2], {"k": "x y"}, None, True, "1e5", "on", "a,b", 0.5]},
            ["model.items=[1,2],{k:'x y'},null,true,'1e5',on,'a,b',0.5"],
        ),
        ({"model.path": None, "seed": "1,2"}, ["model.path=null", "seed=1,2"]),
        (
            {"optimizer.lr": "0.1,0.2", "model.ref": "${optimizer.lr}"},
            ["optimizer.lr=0.1,0.2", "model.ref=${optimizer.lr}"],
        ),
        ({"seed": "1,2", "model.tag": "run-${seed}"}, ["seed=1,2", "model.tag=run-${seed}"]),
        (
            {"trainer": {"early_stopping": {"patience": "1,2"}}},
            ["trainer.early_stopping.patience=1,2"],
        ),
        (
            {"model": {"n": "1,2", "tag": ["a", "b"]}},
            ["model.n=1,2", "model.tag=a,b"],
        ),
        ({"model.n": [3], "seed": "range(2)"}, ["model.n=3", "seed=range(2)"]),
        ({"model.items": "[1,2],[3]", "model": {"n": 1_000}}, ["model.items=[1,2],[3]", "model.n=1000"]),
        ({"model.path": ["${output_root}/x", "it's"]}, ["model.path='${output_root}/x','it\\'s'"]),
    ],
)
def test_params_are_the_words_that_would_be_typed(own: Command, params: Any, typed: list[str]) -> None:
    preset("one", sweep_of(params))
    in_yaml = own("plan", "--json", *OWN, *TINY, "model=probe", "experiment=one").json
    by_hand = own("plan", "--json", *OWN, *TINY, "model=probe", *typed).json
    assert [job["job"] for job in in_yaml] == [job["job"] for job in by_hand]


def test_values_of_params_reach_the_jobs(own: Command) -> None:
    params = {"model.tag": None, "seed": "1,2", "model.path": "a b=c", "model.ref": "${seed}"}
    preset("one", sweep_of(params))
    own("-m", *OWN, *TINY, "model=probe", "experiment=one", "hydra/launcher=basic", "sweep.name=s")
    for seed in (1, 2):
        config = plain_yaml.load(
            Path(f"outputs/sweeps/s/seed={seed},model.ref={seed}/config.yaml").read_text()
        )
        assert {key: config["model"][key] for key in ("tag", "path", "ref")} == {
            "tag": None,
            "path": "a b=c",
            "ref": seed,
        }


@pytest.mark.parametrize(
    ("params", "line"),
    [
        ({"dataset.batch_size": {"low": 16, "high": 32}}, "write 'dataset.batch_size: interval(16,32)'"),
        (
            {"optimizer.lr": {"low": 0.001, "high": 0.1, "log": True}},
            "'optimizer.lr: tag(log,interval(0.001,0.1))'",
        ),
        ({"seed": []}, "hydra.sweeper.params.seed: has no values"),
        ({"optimizer.lr": "0.1,0.2)"}, "'0.1,0.2)' cannot be read"),
        ({"seed": "1,2", "sweep.zip": "[seed,optimizer.lr]"}, "hydra.sweeper.params.sweep.zip: is no part"),
        ({"seed": "1,2", "sweep": {"jobs": 2}}, "hydra.sweeper.params.sweep.jobs: is no part of a job"),
        ([1], "must be keys with values"),
    ],
)
def test_params_that_say_nothing_are_refused(own: Command, params: Any, line: str) -> None:
    preset("one", sweep_of(params))
    assert line in own("plan", *OWN, *TINY, "experiment=one", code=2).line


def test_hydras_own_sweeper_would_read_params_otherwise(own: Command) -> None:
    preset("one", sweep_of({"seed": "1,2", "model.ref": "${seed}"}))
    words = [*OWN, *TINY, "model=probe", "experiment=one", "hydra/sweeper=basic"]
    assert "reads texts only; use hydra/sweeper=grid" in own("-m", *words, code=2).line


@pytest.mark.parametrize(
    ("words", "mappings"),
    [
        (["optimizer=sgd"], {"optimizer": "{lr: 0.1},{lr: 0.2}"}),
        (["model=mlp"], {"model": "{hidden: [4]},{hidden: [8]}"}),
        (["scheduler=step"], {"scheduler": [{"gamma": 0.1}, {"gamma": 0.5}]}),
    ],
)
def test_an_option_that_a_preset_chooses_and_mappings_in_its_params_both_count(
    own: Command, words: list[str], mappings: Any
) -> None:
    group, _, option = words[0].partition("=")
    preset("one", sweep_of(mappings, defaults=[{f"override /{group}": option}]))
    given = "{gamma:0.1},{gamma:0.5}" if group == "scheduler" else mappings[group]
    in_yaml = own("plan", "--json", *OWN, *TINY, "experiment=one").json
    by_hand = own("plan", "--json", *OWN, *TINY, *words, f"{group}={given}").json
    assert [job["job"] for job in in_yaml] == [job["job"] for job in by_hand]
    assert len(in_yaml) == 2


@pytest.mark.parametrize("words", [["experiment=lr_sweep,line"], ["experiment=glob(l*)"]])
def test_a_sweep_inside_a_sweep_is_refused(own: Command, words: list[str]) -> None:
    line = own("plan", *OWN, *TINY, *words, code=2).line
    assert "experiment=lr_sweep is a sweep itself: start it alone" in line
    assert "experiment=glob(*,exclude=lr_sweep)" in line


def test_settings_of_a_sweep_are_not_lost_inside_another(own: Command) -> None:
    preset("plain", {"seed": 3})
    preset("filtered", {"sweep": {"filter": "seed > 1"}})
    preset("axes", {"hydra": {"sweeper": {"params": {"seed": "1,2"}}}})
    preset("searched", {"defaults": [{"override /hydra/sweeper": "optuna"}]})
    for name in ("filtered", "axes", "searched"):
        line = own("plan", *OWN, *TINY, f"experiment=plain,{name}", code=2).line
        assert f"experiment={name} is a sweep itself: start it alone" in line
    preset("axes2", {"hydra": {"sweeper": {"params": {"optimizer.lr": "0.1,0.2"}}}})
    for both in ("axes,filtered", "axes2,axes", "glob(axes*)"):
        assert (
            "is a sweep itself: start it alone" in own("plan", *OWN, *TINY, f"experiment={both}", code=2).line
        )
    searched = ["hydra/sweeper=optuna", "experiment=plain,axes"]
    assert "experiment=axes is a sweep itself" in own("-m", *OWN, *TINY, *searched, code=2).line
    assert jobs(own, "experiment=plain", "optimizer.lr=0.1,0.2") == ["optimizer.lr=0.1", "optimizer.lr=0.2"]
    assert len(jobs(own, "experiment=filtered", "seed=0,1,2,3", "sweep.jobs=1")) == 2


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        (["model=one,two", "model/act=tanh"], ["model=one", "model=two"]),
        (
            ["model=one,two", "model/act=tanh", "seed=1,2", "sweep.filter=seed > 1"],
            ["model=one", "model=two"],
        ),
        (["model=one,two", "~model/act"], ["model=one", "model=two"]),
        (["model=one,two", "+model.n=2"], ["model=one", "model=two"]),
        (["experiment=first,second", "model/act=tanh"], ["experiment=first", "experiment=second"]),
        (["experiment=first,second", "~model/act"], ["experiment=first", "experiment=second"]),
        (["experiment=first,second", "+model.n=2"], ["experiment=first", "experiment=second"]),
    ],
)
def test_what_holds_for_every_point_is_no_mistake(own: Command, words: list[str], labels: list[str]) -> None:
    preset("first", {"defaults": [{"override /model": "one"}]})
    preset("second", {"defaults": [{"override /model": "two"}]})
    found = jobs(own, *words)
    assert [label.partition(",seed")[0] for label in found] == labels
    if "model/act=tanh" in words:
        line = own("plan", *OWN, *TINY, "model=one,linear", "model/act=tanh", code=2).line
        assert line.startswith("sweepboard: in model=linear: ")
        assert "no such group" in line


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["hydra/sweeper=optuna"], "hydra/sweeper=optuna: is of a sweep, and this is one run; add -m"),
        (["hydra/launcher=basic"], "hydra/launcher=basic: is of a sweep, and this is one run; add -m"),
        (["hydra.sweep.dir=x"], "hydra.sweep.dir=x: is of a sweep, and this is one run; add -m"),
        (
            ["hydra/sweeper=optuna", "optimizer.lr=interval(0.1,1)"],
            "optimizer.lr=interval(0.1,1): several values are a sweep or a search; add -m",
        ),
        (["seed=range(3)"], "seed=range(3): several values are a sweep or a search; add -m"),
        (
            ["experiment=searched"],
            "hydra.sweeper.params: a sweep is written there, and this is one run; add -m",
        ),
        (["-cd", "primary"], "hydra.sweeper.params: a sweep is written there, and this is one run; add -m"),
        (["experiment=axes"], "hydra.sweeper.params: a sweep is written there, and this is one run; add -m"),
    ],
)
def test_a_sweep_typed_without_m_says_so(own: Command, words: list[str], line: str) -> None:
    preset("axes", {"hydra": {"sweeper": {"params": {"seed": "1,2"}}}})
    interval = {"sweeper": {"params": {"optimizer.lr": "interval(0.1,1)"}}}
    preset("searched", {"defaults": [{"override /hydra/sweeper": "optuna"}], "hydra": interval})
    Path("primary").mkdir()
    Path("primary/config.yaml").write_text("hydra: {sweeper: {params: {seed: '1,2'}}}\n")
    assert own(*OWN, *TINY, *words, code=2).line.startswith(f"sweepboard: {line}")
    assert not Path("outputs").exists()


SEARCHES: dict[str, dict[str, Any]] = {
    "numbers and a text": {"optimizer.lr": "interval(0.001, 0.1)", "model.n": [1, 2], "model.path": "a b=c"},
    "floats and lists": {"optimizer.lr": [0.1, 0.01], "model.items": [[1, 2], [3]], "model.tag": "x,y"},
    "options of a group": {"model/act": "relu,tanh", "optimizer.lr": "tag(log, interval(0.001, 0.1))"},
    "another option of a group": {"optimizer": "sgd,adam", "model.ref": "${optimizer.lr}"},
}


@pytest.mark.slow
@pytest.mark.parametrize("params", SEARCHES.values(), ids=SEARCHES.keys())
def test_both_lines_that_a_search_prints_train_its_best_setting(own: Command, params: dict[str, Any]) -> None:
    model = "one" if "model/act" in params else "probe"
    search = sweep_of(params, defaults=[{"override /hydra/sweeper": "optuna"}, {"override /model": model}])
    search["hydra"]["sweeper"]["trials"] = 2
    preset("op", search)
    out = own(*OWN, *TINY, "experiment=op", "sweep.name=s").out
    best = out.split("best: ")[1].split()[0]
    want = plain_yaml.load(Path(f"outputs/sweeps/s/{best}/config.yaml").read_text())
    for lead in ("  again: ", "  or: "):
        line = next(line for line in out.splitlines() if line.startswith(lead))
        said = own(*shlex.split(line.removeprefix(lead))[1:]).out
        run = Path(said.split("run folder: ")[1].splitlines()[0])
        assert plain_yaml.load((run / "config.yaml").read_text()) == want


def test_without_m_a_preset_of_a_search_can_be_one_run(own: Command) -> None:
    preset("axes", {"hydra": {"sweeper": {"params": {"seed": "1,2"}}}})
    assert "run folder: " in own(*OWN, *TINY, "experiment=axes", "hydra.mode=RUN").out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("axis", "metrics"),
    [
        ("seed=1,2", "[accuracy,loss]"),
        ("model=linear,probe", "[loss,accuracy]"),
        ("optimizer.lr=0.1,0.01", "[accuracy,loss,train/loss]"),
    ],
)
def test_of_several_objectives_a_point_is_best_once(own: Command, axis: str, metrics: str) -> None:
    words = ["hydra/sweeper=optuna", axis, "hydra.sweeper.trials=5", f"hydra.sweeper.metric={metrics}"]
    out = own("-m", *OWN, *TINY, *words).out
    best = [line.split("-", 1)[1].split()[0] for line in out.splitlines() if line.startswith("best: ")]
    assert best
    assert len(best) == len(set(best))


@pytest.mark.parametrize("word", ["+sweep.x=1", "++sweep.job=2", "+sweep.zips=[seed]"])
def test_a_setting_of_a_sweep_that_there_is_not(own: Command, word: str) -> None:
    line = own("-m", *OWN, *TINY, "seed=1,2", word, code=2).line
    assert line.startswith(f"sweepboard: {word.lstrip('+').partition('=')[0]}: there is no such setting")
    assert not Path("outputs").exists()


@pytest.mark.parametrize("word", ["trials=4", "seed=1", "metric=val/loss"])
def test_a_setting_of_a_search_without_a_search(own: Command, word: str) -> None:
    line = own("-m", *OWN, *TINY, "optimizer.lr=0.1,0.2", f"hydra.sweeper.{word}", code=2).line
    key = word.partition("=")[0]
    assert line == f"sweepboard: hydra.sweeper.{key}: is of a search; add hydra/sweeper=optuna"
