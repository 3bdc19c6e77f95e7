"""`hydra/sweeper=optuna` as a user types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import TINY, Command, record_of

SEARCH = ["-m", "hydra/sweeper=optuna", *TINY]
LR = "optimizer.lr=tag(log, interval(1e-5, 1))"


def study_of(name: str) -> Any:
    return json.loads(Path(f"outputs/sweeps/{name}/study.json").read_text())


def best_words(name: str) -> list[str]:
    study = study_of(name)
    return [study["trials"][number]["job"] for number in study["best"]]


MISTAKES = {  # where ~ stands for hydra.sweeper.
    (LR, "hydra.sweeper.n_trials=3"): "~n_trials: there is no such setting; did you mean ~trials?",
    (LR, "hydra.sweeper.trials=0"): "~trials: must be 1 or more, got 0",
    (LR, "hydra.sweeper.sampler=tpee"): "~sampler=tpee: choose from tpe, random, cmaes, grid",
    (LR, "hydra.sweeper.pruner=med"): "~pruner=med: choose from median, halving, hyperband",
    (LR, "hydra.sweeper.params=3"): "~params=3: must be keys with values, as "
    "{optimizer.lr: 'interval(0.1,1)'}",
    (
        LR,
        "hydra.sweeper.metric=acuracy",
    ): "~metric=acuracy: no trial measures it; did you mean val/accuracy?",
    (LR, "hydra.sweeper.metric=[loss,val/loss]"): "~metric: val/loss, val/loss: name each metric once",
    (
        LR,
        "hydra.sweeper.metric=train/samples_per_second",
        "logging=none",
    ): "~metric=train/samples_per_second: "
    "no trial measures it; valid: test/accuracy, test/loss, test_best/accuracy, test_best/loss, "
    "val/accuracy, val/loss",
    (LR, "hydra.sweeper.direction=up"): "~direction=up: choose from minimize, maximize",
    (LR, "hydra.sweeper.direction=[minimize,maximize]"): "~direction: 2 for 1 metrics, val/accuracy; "
    "give one each",
    (LR, "hydra.sweeper.direction=minimize"): "~direction=minimize: the best val/accuracy of a run is its "
    "maximum; set trainer.checkpoint.metric=accuracy and trainer.checkpoint.mode=min too",
    (LR, "hydra.sweeper.sampler=grid"): "~sampler=grid: the interval of optimizer.lr has no end of values; "
    "use range(...) or a list",
    ("model=linear,mlp", "hydra.sweeper.sampler=cmaes"): "~sampler=cmaes needs an interval or a range of "
    "numbers; use tpe",
    (LR, "hydra.sweeper.metric=[accuracy,loss]", "hydra.sweeper.sampler=cmaes"): "~sampler=cmaes is for one "
    "metric; use tpe",
    (
        LR,
        "hydra.sweeper.metric=[accuracy,loss]",
        "hydra.sweeper.pruner=median",
    ): "~pruner=median: trials are compared by one metric of val/, or of a training "
    "function by its program.primary_metric; leave it out",
    (LR, "hydra.sweeper.pruner=halving", "hydra.sweeper.warmup=2"): "~pruner=halving: a trial validates 2 "
    "times, so there is nothing to stop at validation 2; make it longer, or validate more often with "
    "trainer.val_every_steps",
    (LR, "dataset.val_fraction=0"): "~metric=val/accuracy: there is no validation; "
    "set dataset.val_fraction=0.1",
    ("optimizer.lr=interval(-1,1)",): "in optimizer.lr=-1.0: optimizer.lr: must be a finite number above 0, "
    "got -1.0",
    (LR, "model=linear,mlpp"): "model=mlpp: there is no such option; choose from cnn, linear, mlp, resnet18",
    (
        "model=linear,cnn",
        "model.dropout=interval(0,0.5)",
    ): "in model=linear model.dropout=0.0: model.dropout: "
    "sweepboard.models.Linear has no such argument; it takes input_shape, outputs",
    ("seed=1",): "there is nothing to search: give a key an interval, "
    "as 'optimizer.lr=tag(log, interval(1e-4, 1e-1))'",
    (LR, "sweep.zip=[a,b]"): "sweep.zip: hydra/sweeper=optuna knows nothing of it; use hydra/sweeper=grid",
    (LR, "hydra/launcher=basic"): "hydra/sweeper=optuna looks at its jobs while they run, "
    "which hydra/launcher=basic does not let it: use hydra/launcher=local, slurm or ray",
}


@pytest.mark.parametrize(("words", "line"), MISTAKES.items())
def test_a_mistake_is_one_line_and_nothing_is_started(command: Command, words: list[str], line: str) -> None:
    told = command(*SEARCH, *words, code=2).line
    assert told == f"sweepboard: {line.replace('~', 'hydra.sweeper.')}"
    assert not Path("outputs").exists()


@pytest.mark.parametrize(
    ("missing", "words", "line"),
    [
        ("optuna", [], "hydra/sweeper=optuna needs the package optuna: type pip install optuna"),
        ("cmaes", ["hydra.sweeper.sampler=cmaes"],
         "hydra.sweeper.sampler=cmaes needs the package cmaes: type pip install cmaes"),
    ],
)  # fmt: skip
def test_a_missing_package_is_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, missing: str, words: list[str], line: str
) -> None:
    for name in list(sys.modules):
        if name.startswith(("sweepboard.search.", f"{missing}.")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)  # an import of it fails
    assert command(*SEARCH, LR, *words, code=2).line == f"sweepboard: {line}"


PRESET = """
# @package _global_
defaults:
  - override /hydra/sweeper: optuna
  - override /model: linear
trainer:
  epochs: 2
hydra:
  sweeper:
    trials: 3
    metric: [val/accuracy, train/samples_per_second]
    params:
      optimizer.lr: tag(log, interval(1e-4, 1e-1))
      model: linear,mlp
"""


@pytest.mark.slow
def test_a_search_in_a_preset_of_several_objectives(command: Command) -> None:
    Path("mine/experiment").mkdir(parents=True)
    Path("mine/experiment/lr_search.yaml").write_text(PRESET)
    words = ["--config-dir", "mine", "experiment=lr_search", "sweep.name=s", *TINY[1:]]
    said = command("-m", *words)
    study = study_of("s")
    assert study["states"] == {"complete": 3}
    assert all(len(trial["values"]) == 2 for trial in study["trials"])
    speeds = [trial["values"][1] for trial in study["trials"]]
    assert all(speed > 100 for speed in speeds)
    for number in study["best"]:
        assert f"best: {study['trials'][number]['job']}  val/accuracy" in said.out
        assert f"--config-dir mine --config-dir outputs/sweeps/s experiment=best-{number:03d}" in said.out
        preset = yaml.safe_load(Path(f"outputs/sweeps/s/experiment/best-{number:03d}.yaml").read_text())
        model = study["trials"][number]["parameters"]["model"]
        assert preset["defaults"] == ["lr_search", {"override /model": model}]
    assert "sweepboard --config-dir mine hydra.mode=RUN experiment=lr_search" in said.out
    other = command("-m", *words, "hydra.sweeper.seed=1", code=2)
    assert other.line == (
        "sweepboard: outputs/sweeps/s holds another search, in which hydra.sweeper.seed is 0 and not 1: "
        "give another sweep.name"
    )
    Path("mine/experiment/lr_search.yaml").unlink()  # all that is needed is frozen
    command("resume", "outputs/sweeps/s", "hydra.sweeper.trials=4")
    assert study_of("s")["states"] == {"complete": 4}


@pytest.mark.slow
def test_a_search_goes_on_only_as_it_began(command: Command) -> None:
    command(*SEARCH, "optimizer.lr=0.1,0.01", "hydra.sweeper.sampler=grid", "sweep.name=g")
    folder = "outputs/sweeps/g"
    assert study_of("g")["states"] == {"complete": 2}
    assert "2 of them done already" in command("resume", folder).out
    assert command("resume", folder, "optimizer.lr=1", code=2).line == (
        "sweepboard: optimizer.lr: a search goes on as it began; type hydra.sweeper.trials=N for more trials"
    )
    assert "a failed trial is one" in command("resume", folder, "--failed", code=2).line
    assert command("-m", *TINY, "optimizer.lr=0.1,0.01", "sweep.name=g", code=2).line == (
        f"sweepboard: {folder} holds a search: give another sweep.name"
    )
    best = command("--config-dir", folder, "experiment=best")
    assert "val_best/accuracy" in best.out
    runs = [record_of(path.parent) for path in Path("outputs").glob("20*/*/run.json")]
    assert [run["best"]["accuracy"] for run in runs] == [
        study_of("g")["trials"][study_of("g")["best"][0]]["values"][0]
    ]


ACCEPTANCE = [
    *SEARCH, LR, "model=linear,mlp", "trainer.epochs=4", "sweep.name=s",
    "hydra.sweeper.trials=20", "hydra.sweeper.pruner=median",
]  # fmt: skip


@pytest.mark.slow
def test_twenty_trials_with_pruning_killed_half_way_and_resumed(command: Command) -> None:
    folder = Path("outputs/sweeps/s")
    process = subprocess.Popen(
        [sys.executable, "-m", "sweepboard", *ACCEPTANCE], stdout=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 300
    while len(list(folder.glob("*/run.json"))) < 10:
        assert process.poll() is None, "ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    ended = {path.parent.name for path in folder.glob("*/run.json") if record_of(path.parent)["ended"]}
    time.sleep(5)
    jobs = [record_of(path.parent)["pid"] for path in folder.glob("*/run.json")]
    assert not [pid for pid in jobs if _is_python(pid)]

    said = command("resume", str(folder))
    study = study_of("s")
    assert len(study["trials"]) == 20
    assert set(study["states"]) == {"complete", "pruned"}
    assert study["states"]["complete"] >= 5
    runs = {path.parent.name: record_of(path.parent) for path in folder.glob("*/run.json")}
    assert len(runs) == 20
    words = {"complete": "finished", "pruned": "pruned"}
    assert {trial["job"]: words[trial["state"]] for trial in study["trials"]} == {
        name: run["status"] for name, run in runs.items()
    }
    assert all(runs[name]["attempts"] == 1 for name in ended), "what had ended was not touched again"
    for name, run in runs.items():
        pruned = run["status"] == "pruned"
        assert pruned == bool(run["reason"]) == (run["step"] < run["total_steps"])
        assert not pruned or "worse than the median of the trials before" in run["reason"]
        assert (folder / name / "checkpoints" / "last.pt").is_file()
    best = max(runs, key=lambda name: runs[name]["best"]["accuracy"])
    assert best_words("s") == [best]
    assert f"best: {best}  val/accuracy" in said.out
    assert f"{study['states']['pruned']} pruned" in said.out
    assert (folder / "experiment" / "best.yaml").is_file()
    rows = json.loads((folder / "results.json").read_text())
    assert rows[0]["job"] == best
    assert {row["state"] for row in rows} == {"finished", "pruned"}


def _is_python(pid: int) -> bool:
    try:
        return b"python" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.slow
def test_a_signal_saves_every_job_and_leaves_the_trials_open(command: Command) -> None:
    words = [*SEARCH, LR, "trainer.epochs=400", "hydra.sweeper.trials=2", "sweep.name=s"]
    process = subprocess.Popen([sys.executable, "-m", "sweepboard", *words], stdout=subprocess.DEVNULL)
    folder, deadline = Path("outputs/sweeps/s"), time.monotonic() + 120
    while not any(record_of(path.parent).get("best") for path in folder.glob("*/run.json")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(60) == 143
    study = study_of("s")
    assert set(study["states"]) == {"running"}
    assert {record_of(path.parent)["status"] for path in folder.glob("*/run.json")} == {"interrupted"}
    assert any((path.parent / "checkpoints" / "last.pt").is_file() for path in folder.glob("*/run.json"))


@pytest.mark.slow
def test_a_mapping_with_blanks_can_be_searched(command: Command) -> None:
    mappings = "optimizer={lr:0.1,foreach:null},{lr: 0.2, foreach: false}"
    command(*SEARCH, mappings, "hydra.sweeper.trials=2", "sweep.name=s")
    trials = json.loads(Path("outputs/sweeps/s/study.json").read_text())["trials"]
    assert [trial["state"] for trial in trials] == ["complete", "complete"]
