"""A user's own folder of YAML stands first on the search path, however it is named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from tests.command import Command, write_files

MLP = "defaults: [mlp]\nhidden: [3]\n"
PRESET = "# @package _global_\noptimizer: {lr: 0.5}\n"
FILES = {
    "c/model/mine.yaml": MLP,
    "c/experiment/b1.yaml": PRESET,
    "c/experiment/b2.yaml": PRESET.replace("0.5", "0.25"),
    "c/optimizer/adam.yaml": "_target_: torch.optim.Adam\nlr: 0.77\n",
    "c/trainer/debug.yaml": "defaults: [default]\nepochs: 33\n",
    "c/named.yaml": "defaults: [config, _self_, {override /model: mlp}]\nseed: 7\n",
    "other/model/sub/deep.yaml": "defaults: [/model/mlp]\nhidden: [5]\n",
    "od'd, x y/model/odd.yaml": MLP,
    "nine/experiment/line.yaml": "# @package _global_\nseed: 99\n",
    "nine/model/mlp.yaml": "_target_: sweepboard.models.MLP\nhidden: [9]\noutputs: 10\n",
    "deep/config.yaml": "seed: 5\n",
    "pkged/named.yaml": "defaults: [config]\nhydra: {searchpath: ['pkg://sweepboard.conf', other]}\n",
    "prim/named.yaml": "defaults: [config]\nseed: 8\nhydra: {searchpath: [other]}\n",
    "whole/config.yaml": "seed: 42\noptimizer: {lr: 0.66}\n",
    "listed/config.yaml": "defaults:\n  - _self_\n  - override /model: linear\nseed: 43\n",
    "bare/config.yaml": "defaults:\n  - model: mlp\n",
}


@pytest.fixture(autouse=True)
def folders(command: Command) -> None:
    write_files(FILES)


COMPOSED = {
    "an option of one's own": (["--config-dir", "c", "model=mine"], "model.hidden", [3]),
    "an option of a shipped name": (["--config-dir", "c"], "optimizer.lr", 0.77),
    "another of a shipped name": (["--config-dir", "c", "trainer=debug"], "trainer.epochs", 33),
    "the primary configuration": (["--config-dir", "whole"], "seed", 42),
    "and what is shipped": (["--config-dir", "whole"], "model._target_", "sweepboard.models.CNN"),
    "above shipped options": (["--config-dir", "whole"], "optimizer.lr", 0.66),
    "and below a preset": (["--config-dir", "whole", "experiment=line"], "optimizer.lr", 0.05),
    "its other options": (["-cd", "listed"], "model._target_", "sweepboard.models.Linear"),
    "a model of a shipped name": (["--config-dir", "nine", "model=mlp"], "model.hidden", [9]),
    "a preset of a shipped name": (["--config-dir", "nine", "experiment=line"], "seed", 99),
    "a name and path with its suffix": (["-cp", "prim", "-cn", "named.yaml"], "seed", 8),
    "the name of a shipped one": (["-cd", "deep", "-cn", "config.yaml"], "seed", 5),
    "a name": (["-cd", "c", "--config-name", "named"], "model._target_", "sweepboard.models.MLP"),
    "a name with its suffix": (["-cd", "c", "-cn", "named.yaml"], "seed", 7),
    "two folders": (["--config-dir", "c", "--config-dir", "other", "model=sub/deep"], "model.hidden", [5]),
    "the first of two counts": (["-cd", "listed", "-cd", "whole"], "seed", 43),
    "beside a path": (["-cd", "c", "hydra.searchpath=[other]", "model=sub/deep"], "optimizer.lr", 0.77),
    "beside two paths": (
        ["-cd", "deep", "hydra.searchpath=[file://{cwd}/c,file://{cwd}/other]", "model=sub/deep"],
        "optimizer.lr", 0.77,
    ),
    "beside a package": (["-cd", "c", "hydra.searchpath=[pkg://sweepboard.conf]"], "optimizer.lr", 0.77),
    "a path alone": (["hydra.searchpath=[file://{cwd}/other]", "model=sub/deep"], "model.hidden", [5]),
    "a search path in the primary": (["-cp", "prim", "-cn", "named", "model=sub/deep"], "model.hidden", [5]),
    "packages in the primary": (["-cp", "pkged", "-cn", "named", "model=sub/deep"], "model.hidden", [5]),
    "a relative config path": (["--config-path", "prim", "--config-name", "named"], "seed", 8),
    "quotes, commas and blanks": (["--config-dir", "od'd, x y", "model=odd"], "model.hidden", [3]),
    "a package": (["--config-path", "pkg://sweepboard.conf"], "seed", 0),
}  # fmt: skip


@pytest.mark.parametrize(("argv", "key", "value"), COMPOSED.values(), ids=COMPOSED.keys())
def test_what_is_composed(argv: list[str], key: str, value: object, command: Command) -> None:
    argv = [word.format(cwd=Path.cwd()) for word in argv]
    found = yaml.safe_load(command(*argv, "--cfg", "job").out)
    for part in key.split("."):
        found = found[part]
    assert found == value


def test_yaml_of_windows_is_read(command: Command) -> None:
    for name in ("c/model/mine.yaml", "c/experiment/b1.yaml"):
        Path(name).write_bytes(FILES[name].replace("\n", "\r\n").encode())
    found = yaml.safe_load(command("-cd", "c", "model=mine", "experiment=b1", "--cfg", "job").out)
    assert (found["model"]["hidden"], found["optimizer"]["lr"]) == ([3], 0.5)


def test_origins_are_of_the_files_used(command: Command) -> None:
    lines = command("--origin", "--config-dir", "whole", "--config-dir", "c").out.splitlines()
    origins = {line.split()[0]: line.split()[-1] for line in lines}
    assert origins["seed"] == "whole/config.yaml"
    assert origins["optimizer.lr"] == "whole/config.yaml"
    assert origins["optimizer._target_"] == "c/optimizer/adam.yaml"
    assert origins["output_root"] == "config.yaml"


@pytest.mark.slow
def test_a_search_chooses_among_the_options_of_a_glob(command: Command) -> None:
    search = [
        "-m",
        "-cd",
        "c",
        "hydra/sweeper=optuna",
        "hydra.sweeper.trials=4",
        "dataset=gaussian",
        "threads=1",
    ]
    for word, choices in (
        ("experiment=glob(b*)", {"b1", "b2"}),
        ("model=glob([l*,mine])", {"linear", "mine"}),
    ):
        model = [] if word.startswith("model") else ["model=linear"]
        command(*search, *model, word, "trainer.steps=2", f"sweep.name={word[:5]}")
        records = [
            json.loads(path.read_text()) for path in Path(f"outputs/sweeps/{word[:5]}").glob("*/run.json")
        ]
        assert {record["groups"][word.partition("=")[0]] for record in records} <= choices
        assert records


def test_globs_of_other_groups_and_sweepers(command: Command) -> None:
    jobs = command("plan", "-cp", "prim", "-cn", "named", "model=glob(m*)", "trainer.steps=1").out
    assert "1 jobs" in jobs
    for words in (["model=glob(zz*)"], ["experiment=glob(q*)"]):
        for sweeper in ("grid", "basic", "optuna"):
            line = command("-m", "-cd", "c", f"hydra/sweeper={sweeper}", *words, code=2).line
            assert "has no values" in line, sweeper
            assert sweeper == "basic" or line.startswith(f"sweepboard: {words[0].partition('=')[0]}"), sweeper


@pytest.mark.parametrize("argv", [["-cd", "c"], ["hydra.searchpath=[c]"], ["-cp", "c", "-cn", "named"]])
def test_a_glob_sees_shipped_and_own_options(argv: list[str], command: Command) -> None:
    jobs = command("plan", *argv, "experiment=glob([b*,line])", "trainer.steps=1").out
    assert [line.split()[0] for line in jobs.splitlines()[1:-1]] == [
        "experiment=b1", "experiment=b2", "experiment=line",
    ]  # fmt: skip


MISTAKES = {
    "a folder that is not there": (
        ["--config-dir", "c", "--config-dir", "nope"],
        "--config-dir nope: no such folder; give the folder that holds your YAML groups",
    ),
    "a path that is not there": (
        ["--config-path", "nope"],
        "--config-path nope: no such folder; give the folder that holds your YAML groups",
    ),
    "two in one word": (
        ["--config-dir", "c,other"],
        "--config-dir c,other: no such folder; give the folder that holds your YAML groups",
    ),
    "three in one word": (
        ["-cd=c,other,c"],
        "--config-dir c,other,c: no such folder; give the folder that holds your YAML groups",
    ),
    "two with a colon": (
        ["--config-dir", "c:other"],
        "--config-dir c:other: no such folder; give the folder that holds your YAML groups",
    ),
    "an absolute path that is not there": (
        ["--config-path", "/nope/conf"],
        "--config-path /nope/conf: no such folder; give the folder that holds your YAML groups",
    ),
    "a path that is a file": (
        ["--config-path", "c/named.yaml"],
        "--config-path c/named.yaml: no such folder; give the folder that holds your YAML groups",
    ),
    "a search path that is not there": (
        ["hydra.searchpath=[file:///nope]"],
        "hydra.searchpath file:///nope: no such folder; give the folder that holds your YAML groups",
    ),
    "a search path that is no list": (
        ["hydra.searchpath=c"],
        "hydra.searchpath: needs a list of folders; write hydra.searchpath=[file:///my/conf]",
    ),
    "a package that is not there": (
        ["hydra.searchpath=[pkg://nope.conf]"],
        "hydra.searchpath pkg://nope.conf: there is no package nope.conf",
    ),
    "a primary that is not there": (
        ["--config-dir", "c", "--config-name", "nope"],
        "there is no configuration nope.yaml",
    ),
    "a primary without ours": (
        ["--config-dir", "bare"],
        "bare/config.yaml: has no seed; let its list begin with what is shipped: "
        "defaults: [config, _self_], then `- override /model: ...` for another option",
    ),
}


@pytest.mark.parametrize(("argv", "line"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told(argv: list[str], line: str, command: Command) -> None:
    assert command(*argv, code=2).line == f"sweepboard: {line}"
    if "nope.yaml" not in line:
        assert command("-m", *argv, "seed=1,2", code=2).line == f"sweepboard: {line}"


def test_a_folder_that_is_a_file_is_none(command: Command) -> None:
    os.truncate("c/named.yaml", 0)
    assert "--config-dir c/named.yaml: no such folder" in command("--config-dir", "c/named.yaml", code=2).line
