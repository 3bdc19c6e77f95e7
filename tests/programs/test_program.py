"""A training function of one's own is a run like any other: record, board, sweeps, resume, rerun, verify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import sweepboard
from sweepboard.board.event_reader import read_hparams
from sweepboard.board.scalar_reader import read_scalars
from tests.command import Command, record_of
from tests.runs.process import Sweepboard

PROGRAM = ("--config-dir", "conf", "program._target_=train.main")


@pytest.fixture
def run(folder: Path, command: Command) -> Path:
    """A finished run."""
    command(*PROGRAM, "hydra.run.dir=run")
    return folder / "run"


def test_it_has_a_record_a_board_and_a_log(run: Path) -> None:
    record = record_of(run)
    assert (record["status"], record["step"], record["seed"]) == ("finished", 5, 1)
    assert record["groups"] == {"optimizer": "slow"}
    assert record["primary_metric"] == "loss"
    curves = read_scalars(run)
    assert curves["val/loss"].steps.tolist() == list(range(6))
    assert record["best"]["loss"] == pytest.approx(min(curves["val/loss"].values))
    assert record["metrics"]["train/loss"] == pytest.approx(curves["train/loss"].values[-1])
    row = read_hparams(run)
    assert row is not None
    own = {"optimizer": "slow", "optimizer.lr": 0.01, "steps": 6, "stop_at": -1, "logging.own": "group"}
    assert row.hparams == own
    assert row.status == "finished"
    assert "made step 5" in (run / "train.log").read_text()
    assert (run / ".hydra" / "config.yaml").is_file()
    assert json.loads((run / "environment.json").read_text())["sources"].keys() == {"train"}


def test_a_job_of_a_sweep_records_its_own_modules(folder: Path, command: Command) -> None:
    (folder / "helper.py").write_text("RATE = 1\n")
    (folder / "train.py").write_text(f"import helper\n{(folder / 'train.py').read_text()}")
    command(*PROGRAM, "-m", "optimizer.lr=0.1,0.01", "sweep.name=rates", "threads=1")
    for job in sorted((folder / "outputs/sweeps/rates").glob("optimizer.lr=*")):
        sources = json.loads((job / "environment.json").read_text())["sources"]
        assert sources.keys() == {"helper", "train"}, job.name
    assert "differs" not in command("verify", "outputs/sweeps/rates/optimizer.lr=0.1").out


def test_stopped_and_resumed_to_the_bit(run: Path, folder: Path, command: Command) -> None:
    command(*PROGRAM, "hydra.run.dir=stopped", "stop_at=2", code=143)
    stopped = record_of(folder / "stopped")
    assert (stopped["status"], stopped["step"]) == ("interrupted", 2)
    command("resume", "stopped")
    assert record_of(folder / "stopped")["status"] == "finished"
    then, now = read_scalars(run), read_scalars(folder / "stopped")
    for tag in ("train/loss", "val/loss"):
        assert now[tag].steps.tolist() == list(range(6))
        assert now[tag].values.tolist() == then[tag].values.tolist()
    assert record_of(folder / "stopped")["weights_sha256"] == record_of(run)["weights_sha256"]
    assert "has finished" in command("resume", "stopped").out


def test_rerun_verify_compare_check_diff(run: Path, command: Command) -> None:
    assert command("verify", "run").out.endswith("identical: 12 values of scalars, and the final weights\n")
    command("rerun", "run", "optimizer.lr=0.02")
    command("rerun", "run", "optimizer=fast", "--config-dir", "conf")
    line = command("rerun", "run", "optimizer=fast", code=2).line
    assert line == "sweepboard: optimizer=fast: is an option of your own YAML; add --config-dir FOLDER"
    rates = {run.hparams["optimizer.lr"] for run in sweepboard.load_runs(".")}
    assert rates == {0.01, 0.02, 0.1}
    assert "best val/loss" in command("compare", ".").out
    assert "3 runs" in command("report", ".", "--output", "report.html").out
    assert command("check", ".").line.startswith("3 runs over optimizer")
    command("doctor", ".")


@pytest.mark.slow
def test_a_sweep_is_planned_frozen_and_resumed(folder: Path, command: Command) -> None:
    command(*PROGRAM, "-m", "optimizer=slow,fast", "seed=1,2", "sweep.name=s")
    sweep = folder / "outputs" / "sweeps" / "s"
    runs = sweepboard.load_runs(sweep)
    assert {run.status for run in runs} == {"finished"}
    assert sorted(run.path.name for run in runs) == [
        "optimizer=fast,seed=1", "optimizer=fast,seed=2", "optimizer=slow,seed=1", "optimizer=slow,seed=2",
    ]  # fmt: skip
    rows = {(row.group, str(row.hparams)) for run in runs if (row := read_hparams(run.path))}
    assert len(rows) == 2  # seeds of one configuration are one row
    (folder / "conf" / "optimizer" / "slow.yaml").write_text("lr: 7\n")
    said = command("resume", str(sweep), "optimizer.lr=0.05")
    assert "2 jobs added" in said.out or "4 jobs added" in said.out
    added = [run for run in sweepboard.load_runs(sweep) if run.hparams["optimizer.lr"] == 0.05]
    assert added


@pytest.mark.slow
def test_a_search_prunes_by_what_it_logs(folder: Path, command: Command) -> None:
    line = command(*PROGRAM, "-m", "hydra/sweeper=optuna", "optimizer.lr=0.1,0.01", code=2).line
    assert line.startswith("sweepboard: hydra.sweeper.metric: is needed; type the tag to search for")
    words = ["hydra/sweeper=optuna", "hydra.sweeper.trials=4", "hydra.sweeper.pruner=median", "sweep.name=s"]
    words += ["hydra.sweeper.startup=1", "hydra.sweeper.warmup=1", "program.primary_metric=val/loss"]
    said = command(*PROGRAM, "-m", *words, "sweep.jobs=1", "optimizer.lr=0.1,0.001,0.0001,0.00001").out
    assert "best: " in said
    assert "again: sweepboard rerun outputs/sweeps/s/" in said
    runs = sweepboard.load_runs(folder / "outputs" / "sweeps" / "s")
    assert {run.status for run in runs} == {"finished", "pruned"}
    reasons = [record_of(run.path)["reason"] for run in runs if run.status == "pruned"]
    assert all("worse than the median" in reason for reason in reasons)


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_from_what_it_saved(folder: Path, command: Command) -> None:
    script = (folder / "train.py").read_text()
    script = script.replace("or step == cfg.steps - 1:", "or True:").replace("SIGTERM", "SIGKILL")
    (folder / "train.py").write_text(script)
    command(*PROGRAM, "hydra.run.dir=whole", "threads=1")
    killed = Sweepboard(folder, *PROGRAM, "hydra.run.dir=killed", "threads=1", "stop_at=4")
    assert killed.process.wait() == -9
    line = command("resume", "killed", "stop_at=-1", code=2).line
    assert "stop_at: 4 -> -1: that would be another run" in line
    command("resume", "killed")
    then, now = read_scalars(folder / "whole"), read_scalars(folder / "killed")
    assert now["val/loss"].steps.tolist() == list(range(6))
    assert now["val/loss"].values.tolist() == then["val/loss"].values.tolist()


@pytest.mark.parametrize("flags", [(), ("-m",)])
def test_a_key_that_was_typed_wrong_is_told_with_the_nearest_of_the_users_own(
    flags: tuple[str, ...], folder: Path, command: Command
) -> None:
    values = "0.1,0.2" if flags else "0.1"
    line = command(*flags, *PROGRAM, f"optimizer.lrr={values}", code=2).line
    assert "optimizer.lrr: there is no such key; did you mean optimizer.lr?" in line
    assert ".yaml" not in line, "it was typed"


OTHER_SHAPES: dict[str, Any] = {
    "texts": "fast",
    "lists": ["mnist", 3],
    "numbers": 5,
    "blocks of texts": {"early_stopping": "never", "checkpoint": [1], "mode": "sideways", "root": None},
    "odd modes": {"checkpoint": {"mode": "sideways", "metric": ["loss"]}, "early_stopping": {"mode": {}}},
}


@pytest.mark.parametrize("value", OTHER_SHAPES.values(), ids=OTHER_SHAPES.keys())
def test_groups_of_sweepboards_names_may_be_of_any_shape(value: Any, folder: Path, command: Command) -> None:
    names = ("trainer", "dataset", "scheduler", "model", "task", "callbacks", "loggers", "weights", "facts")
    own = dict.fromkeys((*names, "logging"), value)
    config = folder / "conf" / "config.yaml"
    config.write_text(config.read_text().replace("logging: {own: group}\n", "") + yaml.safe_dump(own))
    for seed in (1, 2):
        command(*PROGRAM, f"hydra.run.dir=runs/{seed}", f"seed={seed}")
    for verb in ("ls", "compare", "check", "doctor", "report"):
        command(verb, "runs")
    command("diff", "runs/1", "runs/2")
    command("show", "runs/1")
    command("verify", "runs/1")
