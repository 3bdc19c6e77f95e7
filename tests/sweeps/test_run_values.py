"""`${hydra:...}` and `${now:...}` have the values that the run has, in every kind of run and job."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from sweepboard import plain_yaml
from sweepboard.compose.hydra_values import templates_of
from sweepboard.compose.run_config import RunConfig
from sweepboard.runs.load_model import load_model
from tests.command import TINY as OF_LINEAR
from tests.command import Command, record_of

MODULE = """
from torch import nn

class Net(nn.Module):
    def __init__(self, features, outputs, tag=None, path="", n: int = 1, other=None):
        super().__init__()
        self.layer = nn.Linear(features, outputs)
        self.path = path

    def forward(self, inputs):
        return self.layer(inputs.flatten(1))
"""
TINY = [word for word in OF_LINEAR if word != "model=linear"]
PROBE = ["--config-dir", "own", "model=probe", *TINY]
FOLDER, NUMBER = "${hydra:runtime.output_dir}", "${hydra:job.num}"


@pytest.fixture
def own(command: Command) -> Command:
    Path("own/model").mkdir(parents=True)
    Path("probe.py").write_text(MODULE)
    Path("own/model/probe.yaml").write_text(
        "_target_: probe.Net\nfeatures: ${facts.features}\noutputs: ${facts.outputs}\n"
    )
    return command


def model_of(run: Path) -> Any:
    return plain_yaml.load((run / "config.yaml").read_text())["model"]


def run_of(out: str) -> Path:
    return Path(out.split("run folder: ")[1].splitlines()[0])


def test_a_run_knows_its_folder(own: Command) -> None:
    words = [
        f"model.path={FOLDER}/pred",
        "+model.other=[${model.path}/x,${hydra:runtime.cwd}]",
        "+model.tag=${hydra:runtime.choices.optimizer}-${hydra:job.name}",
    ]
    run = run_of(own(*PROBE, *words).out)
    here = str(run.absolute())
    want = {"path": f"{here}/pred", "other": [f"{here}/pred/x", str(Path.cwd())], "tag": "adam-sweepboard"}
    assert want.items() <= model_of(run).items()
    assert not Path("${hydra:runtime.output_dir}").exists()
    resumed = own("resume", str(run), "trainer.epochs=3")
    assert want.items() <= model_of(run).items(), resumed.out
    again = run_of(own("rerun", str(run)).out)
    assert model_of(again)["path"] == f"{again.absolute()}/pred"
    assert record_of(again)["interpolations"]["model.path"] == f"{FOLDER}/pred"


def test_a_moved_run_has_the_path_of_its_new_folder(own: Command) -> None:
    run = run_of(own(*PROBE, f"model.path={FOLDER}/x").out)
    moved = run.rename("moved").absolute()
    want = f"{moved}/x"
    assert load_model(moved, allow=["probe"]).path == want
    own("export", "moved", "--output", "weights.safetensors")
    with safe_open("weights.safetensors", "pt") as file:
        assert json.loads(file.metadata()["model"])["path"] == want
    own("resume", "moved", "trainer.epochs=3")
    assert model_of(moved)["path"] == want
    assert record_of(moved)["status"] == "finished"


def test_a_moved_job_keeps_its_number(own: Command) -> None:
    parts = ["hydra/launcher=basic", "hydra.sweep.dir=s", f"model.tag={NUMBER}", f"model.path={FOLDER}/x"]
    own("-m", *PROBE, *parts, "optimizer.lr=0.1,0.2")
    job = next(path.parent for path in Path("s").rglob("run.json") if record_of(path.parent)["number"] == 1)
    moved = job.rename("moved").absolute()
    own("resume", "moved", "trainer.epochs=3")
    assert model_of(moved)["path"] == f"{moved}/x"
    assert str(model_of(moved)["tag"]) == "1"


@pytest.mark.parametrize("launcher", ["basic", pytest.param("local", marks=pytest.mark.slow)])
@pytest.mark.parametrize("sweeper", ["grid", "basic"])
def test_a_job_knows_its_folder_and_number(own: Command, launcher: str, sweeper: str) -> None:
    words = [
        f"model.path={FOLDER}/pred",
        f"model.n={NUMBER}",
        f"model.tag=${{hydra:job.id}}/{NUMBER}/${{hydra:sweep.subdir}}",
        "model.other=${hydra:sweep.dir}",
    ]
    parts = [f"hydra/launcher={launcher}", f"hydra/sweeper={sweeper}", "hydra.sweep.dir=s"]
    own("-m", *PROBE, *words, *parts, "optimizer.lr=0.1,0.2")
    runs = sorted((path.parent for path in Path("s").rglob("run.json")), key=lambda run: model_of(run)["n"])
    assert [model_of(run)["n"] for run in runs] == [0, 1]
    for number, run in enumerate(runs):
        want = {
            "path": f"{run.absolute()}/pred",
            "tag": f"job_id_for_{number}/{number}/{run.name}",
        }
        assert want.items() <= model_of(run).items()
        assert Path(model_of(run)["other"]).samefile("s")


@pytest.mark.parametrize("sweeper", ["grid", "basic"])
def test_a_rerun_of_a_job_keeps_its_number(own: Command, sweeper: str) -> None:
    words = [f"model.n={NUMBER}", f"model.tag=${{hydra:job.id}}/{NUMBER}", f"model.path={FOLDER}/x"]
    parts = ["hydra/launcher=basic", f"hydra/sweeper={sweeper}", "hydra.sweep.dir=s"]
    own("-m", *PROBE, *words, *parts, "optimizer.lr=0.1,0.2")
    job = next(path.parent for path in Path("s").rglob("run.json") if record_of(path.parent)["number"] == 1)
    again = run_of(own("rerun", str(job)).out)
    want = {"n": 1, "tag": "job_id_for_1/1", "path": f"{again.absolute()}/x"}
    assert want.items() <= model_of(again).items()
    once_more = run_of(own("rerun", str(again)).out)
    assert model_of(once_more)["n"] == 1


def test_a_plan_does_not_depend_on_the_folder(own: Command) -> None:
    words = [
        *PROBE,
        "hydra/launcher=basic",
        f"model.path={FOLDER}/x",
        f"model.n={NUMBER}",
        "optimizer.lr=0.1,0.2",
    ]
    own("-m", *words, "hydra.sweep.dir=one")
    Path("one").rename("two")
    said = own("plan", "--json", *words, "hydra.sweep.dir=two").json
    assert [(job["job"], job["state"]) for job in said] == [
        ("optimizer.lr=0.1", "finished"),
        ("optimizer.lr=0.2", "finished"),
    ]
    assert [model_of(Path(f"two/optimizer.lr={lr}"))["n"] for lr in (0.1, 0.2)] == [0, 1]


@pytest.mark.slow
def test_a_search_is_taken_up_with_the_same_values(own: Command) -> None:
    words = [
        "hydra/sweeper=optuna",
        "optimizer.lr=interval(0.001,0.1)",
        "hydra.sweeper.trials=1",
        "hydra.sweep.dir=s",
        "model.tag=${hydra:runtime.cwd}/${now:%Y}",
        f"model.n={NUMBER}",
        f"model.path={FOLDER}/x",
    ]
    own("-m", *PROBE, *words)
    own("resume", "s", "hydra.sweeper.trials=2")
    runs = sorted(path.parent for path in Path("s").rglob("run.json"))
    assert [model_of(run)["n"] for run in runs] == [0, 1]
    for run in runs:
        assert re.fullmatch(rf"{Path.cwd()}/20\d\d", model_of(run)["tag"])
        assert model_of(run)["path"] == f"{run.absolute()}/x"


@pytest.mark.slow
@pytest.mark.parametrize("value", ["${now:%Y}-x", NUMBER, f"{FOLDER}/y"])
def test_a_search_that_was_killed_goes_on_with_the_same_values(
    own: Command, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["hydra/sweeper=optuna", "optimizer.lr=interval(0.001,0.1)", "hydra.sweeper.trials=2"]
    words.append(f"model.n={value}" if value == NUMBER else f"model.tag={value}")
    own("-m", *PROBE, *words, "hydra.sweep.dir=whole")

    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("sweepboard.search.study.Study.tell", killed)
        with pytest.raises(Killed):
            own("-m", *PROBE, *words, "hydra.sweep.dir=cut")
    own("resume", "cut")
    found = [
        [model_of(record.parent) for record in sorted(Path(folder).rglob("run.json"))]
        for folder in ("whole", "cut")
    ]
    for whole, cut in zip(*found, strict=True):
        assert str(cut).replace("/cut/", "/whole/") == str(whole)


@pytest.mark.parametrize(
    ("word", "line"),
    [
        (f"model.tag={NUMBER}", f"model.tag: {NUMBER} is of a job in a sweep, and this is one run; add -m"),
        ("model.tag=a-${hydra:sweep.dir}", "model.tag: ${hydra:sweep.dir} is of a job in a sweep"),
        ("model.tag=${hydra:runtime.nope}", "model.tag: cannot be resolved: there is no runtime.nope"),
        ("model.tag=${hydra:nope.x.y}", "model.tag: cannot be resolved: there is no nope.x.y"),
        (f"output_root={FOLDER}/x", f"output_root: {FOLDER}/x is known only when the run has its folder"),
        (f"trainer.epochs={NUMBER}", f"trainer.epochs: {NUMBER} is known only when"),
        (f"seed={NUMBER}", f"seed: {NUMBER} is known only when"),
        (f"model._target_=x${FOLDER[1:]}", "model._target_: "),
    ],
)
def test_what_cannot_be_known_is_refused(own: Command, word: str, line: str) -> None:
    assert own(*PROBE, word, code=2).line.startswith(f"sweepboard: {line}")
    assert not Path("outputs").exists()


def test_what_is_built_is_never_a_template() -> None:
    links = {
        "model._target_": FOLDER,
        "model.path": FOLDER,
        "optimizer.lr": "model.lr",
        "model.a._target_": NUMBER,
    }
    assert templates_of(RunConfig({}, links)) == {"model.path": FOLDER}


def test_a_template_holds_nothing_that_is_looked_up_elsewhere() -> None:
    links = {
        "model.path": f"{FOLDER}/${{oc.env:HOME}}",
        "model.n": "${hydra:runtime.cwd}",
        "dataset.root": FOLDER,
    }
    assert templates_of(RunConfig({}, links)) == {}


@pytest.mark.parametrize("typed", [["seed=1"], ["-m", "hydra/launcher=basic", "seed=1,2"]])
def test_values_may_name_variables_that_hydra_sets(own: Command, typed: list[str]) -> None:
    said = own(
        *PROBE, *typed, "+hydra.job.env_set.OF_THE_JOB=there", "+model.path=${oc.env:OF_THE_JOB,nowhere}"
    )
    runs = [run_of(said.out)] if "-m" not in typed else sorted(Path("outputs/sweeps").glob("*/seed=*"))
    assert [model_of(run)["path"] for run in runs] == ["there"] * (len(typed) if "-m" not in typed else 2)
    assert "OF_THE_JOB" not in os.environ
