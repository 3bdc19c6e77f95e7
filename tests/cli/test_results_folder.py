"""Results go where anybody has said in Hydra's words, or the word is refused before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sweepboard.compose.config_search import shipped
from sweepboard.compose.results_folder import SHIPPED
from tests.command import TINY, Command, write_files

GLOBAL = "# @package _global_\n"
FILES = {
    "c/experiment/run.yaml": GLOBAL + "hydra: {run: {dir: 'logs/${now:%Y}'}}\n",
    "c/experiment/many.yaml": GLOBAL + "hydra: {sweep: {dir: 'logs/many'}}\n",
    "c/experiment/subs.yaml": GLOBAL + "hydra: {sweep: {subdir: 'x${hydra.job.num}'}}\n",
    "c/experiment/chdir.yaml": GLOBAL + "hydra: {job: {chdir: true}}\n",
    "there/config.yaml": "hydra: {job: {chdir: true}}\n",
    "own/config.yaml": "hydra: {run: {dir: 'mine'}, sweep: {dir: 'mine/many'}}\n",
    "own/experiment/late.yaml": GLOBAL + "hydra: {run: {dir: 'late'}}\n",
}


@pytest.fixture(autouse=True)
def folders(command: Command) -> None:
    write_files(FILES)


def made() -> set[str]:
    return {path.name for path in Path().iterdir()} - {"c", "own", "there"}


def test_what_is_called_shipped_is_what_is_shipped() -> None:
    config = yaml.safe_load((shipped() / "config.yaml").read_text())
    for key, text in SHIPPED.items():
        _, group, name = key.split(".")
        assert config["hydra"][group][name] == text


RUNS = {
    "typed": (["hydra.run.dir=x"], "x"),
    "typed with pluses": (["++hydra.run.dir=x/y"], "x/y"),
    "with the working directory": (["hydra.run.dir=${hydra:runtime.cwd}/x"], "x"),
    "with the name of the job": (["hydra.run.dir=${hydra:job.name}/r"], "*/r"),
    "with a choice": (["hydra.run.dir=${hydra:runtime.choices.model}"], "linear"),
    "with a setting": (["hydra.run.dir=x/${optimizer.lr}"], "x/0.001"),
    "in a preset": (["--config-dir", "c", "experiment=run"], "logs/2*"),
    "in a config.yaml": (["--config-dir", "own"], "mine"),
    "in a preset above a config.yaml": (["--config-dir", "own", "experiment=late"], "late"),
}


@pytest.mark.parametrize(("argv", "place"), RUNS.values(), ids=RUNS.keys())
def test_a_run_is_where_it_was_asked_for(argv: list[str], place: str, command: Command) -> None:
    command(*TINY, "dataset=gaussian", "logging=none", "trainer.epochs=1", *argv)
    assert len(list(Path().glob(f"{place}/run.json"))) == 1
    assert "outputs" not in made()


SWEEPS = {
    "typed": (["hydra.sweep.dir=x"], "x"),
    "typed with pluses": (["++hydra.sweep.dir=x"], "x"),
    "with the working directory": (["hydra.sweep.dir=${hydra:runtime.cwd}/x"], "{cwd}/x"),
    "with a choice": (["hydra.sweep.dir=x/${hydra:runtime.choices.model}"], "x/linear"),
    "in a preset": (["--config-dir", "c", "experiment=many"], "logs/many"),
    "in a config.yaml": (["--config-dir", "own"], "mine/many"),
    "left to us": (["--config-dir", "c", "experiment=run"], "None"),
}


@pytest.mark.parametrize(("argv", "place"), SWEEPS.values(), ids=SWEEPS.keys())
def test_a_sweep_is_where_it_was_asked_for(argv: list[str], place: str, command: Command) -> None:
    jobs = command("plan", "model=linear", *argv, "seed=1,2", "--json", "threads=1").json
    folder = f"{place}/seed=1".format(cwd=Path.cwd()) if place != "None" else None
    assert jobs[0]["folder"] == folder
    assert not made()


MISTAKES = {
    "a job's folder typed": (
        ["-m", "hydra.sweep.subdir=x", "seed=1,2"],
        "hydra.sweep.subdir: a job",
    ),
    "typed with pluses": (["-m", "++hydra.sweep.subdir=x", "seed=1,2"], "hydra.sweep.subdir: a job"),
    "in a preset": (["-m", "-cd", "c", "experiment=subs", "seed=1,2"], "hydra.sweep.subdir: a job"),
    "another sweeper": (
        ["-m", "hydra/sweeper=basic", "hydra.sweep.subdir=x", "seed=1"],
        "hydra.sweep.subdir",
    ),
    "another directory": (["hydra.job.chdir=true"], "hydra.job.chdir: paths mean"),
    "another directory in a preset": (["-cd", "c", "experiment=chdir"], "hydra.job.chdir: paths mean"),
    "another directory in a config.yaml": (["-cd", "there"], "hydra.job.chdir: paths mean"),
    "in a sweep's preset": (
        ["-m", "-cd", "c", "experiment=chdir", "seed=1,2"],
        "hydra.job.chdir: paths mean",
    ),
    "in a sweep": (["-m", "hydra.job.chdir=true", "seed=1,2"], "hydra.job.chdir: paths mean"),
    "under another launcher": (
        ["-m", "hydra/launcher=basic", "++hydra.job.chdir=true", "seed=1,2"],
        "hydra.job.chdir: paths mean",
    ),
    "a name beside a preset's folder": (
        ["-m", "-cd", "c", "experiment=many", "sweep.name=a", "seed=1,2"],
        "sweep.name=a: hydra.sweep.dir names the folder already",
    ),
    "a name beside a search's folder": (
        ["-m", "hydra/sweeper=optuna", "sweep.name=a", "hydra.sweep.dir=b", "optimizer.lr=interval(0.1,1)"],
        "sweep.name=a: hydra.sweep.dir names the folder already",
    ),
    "no folder": (["hydra.run.dir="], "hydra.run.dir: names no folder"),
    "null": (["hydra.run.dir=null"], "hydra.run.dir: cannot be null"),
    "a variable": (["hydra.run.dir=${oc.env:NOT_SET}/x"], "hydra.run.dir: environment variable NOT_SET"),
    "a resolver": (["-m", "hydra.sweep.dir=${nope:1}", "seed=1,2"], "hydra.sweep.dir: there is no resolver"),
    "a key": (["hydra.run.dir=${nope}/x"], "hydra.run.dir: ${nope} refers to nothing"),
}


@pytest.mark.parametrize(("argv", "line"), MISTAKES.values(), ids=MISTAKES.keys())
def test_what_cannot_be_is_refused_before_anything_is_made(
    argv: list[str], line: str, command: Command
) -> None:
    said = command("model=linear", "dataset=gaussian", *argv, code=2).line
    assert said.startswith(f"sweepboard: {line}")
    assert not made()
