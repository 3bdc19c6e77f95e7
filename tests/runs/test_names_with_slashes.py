"""A task may name its values as tags, `loss/kl`: they are judged, compared and searched as others are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import TINY, Command, record_of

VALUES = """
from torch.nn.functional import cross_entropy
from sweepboard.tasks import Step, Task

class Parts(Task):
    primary_metric = "loss/kl"
    modes = {"loss/kl": "max"}
    validations = 0

    def training_step(self, model, batch):
        inputs, targets = batch
        loss = cross_entropy(model(inputs), targets)
        return Step(loss, values={"loss/kl": loss, "a/b/c": loss, "val/x": loss, "best/q": loss})

    def evaluation_step(self, model, batch):
        return self.training_step(model, batch)
"""
OWN = [*TINY, "task._target_=parts.Parts", "~task.label_smoothing"]
NAMES = {"loss", "val/loss/kl", "val/a/b/c", "val/val/x", "val/best/q"}


@pytest.fixture
def own(command: Command) -> Command:
    Path("parts.py").write_text(VALUES)
    return command


def test_they_are_metrics_as_others(own: Command) -> None:
    own(*OWN, "hydra.run.dir=run", "trainer.checkpoint.metric=a/b/c", "trainer.early_stopping.metric=loss/kl",
        "trainer.early_stopping.patience=5")  # fmt: skip
    record = record_of(Path("run"))
    assert record["best"].keys() == record["best_steps"].keys() == record["modes"].keys() == NAMES
    assert (record["primary_metric"], record["modes"]["val/loss/kl"]) == ("val/loss/kl", "max")
    assert own("check", "run").err == "1 run: comparable\n"
    [row] = own("compare", "run", "--json").json
    assert next(iter(row["metrics"])) == "val/loss/kl"
    assert row["metrics"]["val/loss/kl"]["best"]["mean"] == pytest.approx(record["best"]["val/loss/kl"])
    assert row["metrics"]["val/loss/kl"]["mode"] == row["metrics"]["test/loss/kl"]["mode"] == "max"
    assert "val/loss/kl" in own("ls", "run").out
    assert own("doctor", "run").err == "1 run, nothing wrong\n"


def test_a_sweep_and_a_search_are_judged_by_them(own: Command) -> None:
    said = own("-m", *OWN, "optimizer.lr=0.1,0.001", "sweep.name=s").out
    assert "best: optimizer.lr=0.1  val/loss/kl" in said  # the larger loss
    rows = json.loads(Path("outputs/sweeps/s/results.json").read_text())
    assert rows[0]["val/loss/kl"] > rows[1]["val/loss/kl"]
    pytest.importorskip("optuna")
    words = ["hydra/sweeper=optuna", "optimizer.lr=interval(0.01,0.1)", "hydra.sweeper.trials=2"]
    for metric in ("loss/kl", "val/loss/kl"):
        chosen = [
            f"hydra.sweeper.metric={metric}",
            "hydra.sweeper.pruner=median",
            f"hydra.sweep.dir={metric}",
        ]
        assert "val/loss/kl" in own("-m", *OWN, *words, *chosen).out
        for trial in json.loads((Path(metric) / "study.json").read_text())["trials"]:
            record = record_of(Path(metric) / trial["job"])
            assert trial["values"] == [pytest.approx(record["best"]["val/loss/kl"])]
            assert len(trial["validations"]) == 2
    line = own("-m", *OWN, *words, "hydra.sweeper.metric=loss/k", code=2).line
    assert line.endswith("hydra.sweeper.metric=loss/k: no trial measures it; did you mean val/loss/kl?")
