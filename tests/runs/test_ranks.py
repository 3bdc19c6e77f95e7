"""A run of several processes is the run of one: the same samples, curves and values, at any number."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from tests.command import TINY, Command, record_of, write_files
from tests.runs.process import assert_the_same, curves

RUN = [
    "model=mlp", "threads=1", "dataset=gaussian", "dataset.batch_size=33", "dataset.eval_batch_size=7",
    "trainer.epochs=2", "trainer.limit_train_batches=6", "trainer.limit_val_batches=11",
    "trainer.limit_test_batches=2", "logging.every_steps=2", "logging.images=0",
]  # fmt: skip

TASK = """
from dataclasses import replace
import torch
import torchmetrics
from torch import nn
from torch.nn.functional import cross_entropy
import sweepboard
from sweepboard.tasks import Step

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 10))
        self.seen = []
    def forward(self, inputs):
        if self.training:
            self.seen += [round(float(each), 4) for each in inputs.flatten(1).sum(1)]
        return self.layers(inputs)

class Task(sweepboard.Task):
    modes = {"mae": "min"}
    def __init__(self):
        self.accuracy = torchmetrics.Accuracy("multiclass", num_classes=10)
        self.auroc = torchmetrics.AUROC("multiclass", num_classes=10)
        self.mae = torchmetrics.MeanAbsoluteError()
    def training_step(self, model, batch):
        inputs, targets = batch
        outputs = model(inputs)
        self.accuracy.update(outputs, targets)
        self.mae.update(outputs.detach().softmax(1).max(1).values, torch.ones(len(targets)))
        self.auroc.update(outputs.detach().softmax(1), targets)
        largest = outputs.detach().max(1).values.mean()
        return Step(cross_entropy(outputs, targets), values={"largest": largest})
"""


def test_three_ranks_give_the_curves_of_one(command: Command) -> None:
    read = ["dataset.in_memory=false", "dataset.workers=1"]
    for count, words in ((1, []), (3, read)):
        accumulated = [*RUN, "trainer.accumulate=2", f"trainer.devices={count}"]
        command(*accumulated, *words, f"hydra.run.dir=r{count}")
    one, three = (curves(Path(name)) for name in ("r1", "r3"))
    assert {tag: [step for step, _ in points] for tag, points in one.items()} == {
        tag: [step for step, _ in points] for tag, points in three.items()
    }
    for tag, points in one.items():
        assert [value for _, value in points] == pytest.approx([value for _, value in three[tag]], abs=1e-5)
    assert sorted(path.name for path in Path("r3", "ranks").iterdir()) == ["1.log", "2.log"]
    files = ["events.out.tfevents.*", "run.json"]
    assert [len(list(Path("r3").rglob(one))) for one in files] == [
        len(list(Path("r1").rglob(one))) for one in files
    ]
    assert record_of(Path("r3"))["samples"] == record_of(Path("r1"))["samples"]


@pytest.mark.slow
def test_verify_repeats_a_run_with_the_number_of_ranks_that_it_had(command: Command) -> None:
    command(*RUN, "model.dropout=0.3", "trainer.devices=3", "hydra.run.dir=run")
    assert "identical" in command("verify", "run").out


@pytest.mark.slow
def test_a_checkpoint_goes_on_with_the_same_number_to_the_bit_and_with_another_one_says_so(
    command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    words = [*RUN, "model.dropout=0.3", "trainer.devices=3", "trainer.checkpoint.every_steps=1"]
    command(*words, "trainer.epochs=4", "hydra.run.dir=whole")
    command(*words, "trainer.epochs=2", "hydra.run.dir=part")
    command("resume", "part", "trainer.epochs=4")
    assert_the_same(Path("part"), Path("whole"))
    with caplog.at_level(logging.WARNING):
        command("resume", "part", "trainer.epochs=5", "trainer.devices=2")
    assert "trained by 3 processes until step 24, and by 2 from here on" in caplog.text
    assert record_of(Path("part"))["status"] == "finished"


@pytest.mark.slow
def test_the_same_weights_are_evaluated_to_the_bit_by_any_number_of_ranks(command: Command) -> None:
    write_files({"own.py": TASK})
    own = ["model._target_=own.Net", "task._target_=own.Task"]
    words = [*RUN[1:], "optimizer.lr=1e-30", *own, "~task.label_smoothing"]
    for count in (1, 3):
        command(*words, f"trainer.devices={count}", f"hydra.run.dir=r{count}")
    one, three = (curves(Path(name)) for name in ("r1", "r3"))
    assert {"val/auroc", "val/accuracy", "val/mae", "train/largest"} <= one.keys()
    for tag, points in one.items():
        if tag.startswith(("val/", "test/")):
            assert points == three[tag], tag
        assert [value for _, value in points] == pytest.approx([value for _, value in three[tag]], abs=1e-5)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["dataset.batch_size=2"], r"dataset.batch_size=2: is divided among 3 processes"),
        (["optimizer._target_=torch.optim.LBFGS"], r"optimizer: LBFGS does not go with several processes"),
        (["trainer.sync_batch_norm=true"], r"trainer.sync_batch_norm: torch has it for GPUs"),
        (["device=cuda"], r"device=cuda: torch finds no CUDA GPU"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    words: list[str], told: str, command: Command
) -> None:
    said = command(*RUN, "trainer.devices=3", *words, code=2)
    assert re.match(f"sweepboard: {told}", said.line)
    assert not Path("outputs").exists()


def test_a_mistake_in_another_rank_is_told(command: Command) -> None:
    write_files({"own.py": FAILING})
    said = command(*RUN, "trainer.devices=2", "task._target_=own.Failing", "hydra.run.dir=run", code=1)
    assert said.err.splitlines()[-1] == "sweepboard: rank 1 (see ranks/1.log): ValueError: no luck"
    assert record_of(Path("run"))["status"] == "failed"
    assert "in loss" in Path("run", "ranks", "1.log").read_text()


def test_a_loss_that_is_nan_on_one_rank_ends_all(command: Command) -> None:
    write_files({"own.py": FAILING})
    said = command(*RUN, "trainer.devices=2", "task._target_=own.Nan", "hydra.run.dir=run", code=1)
    assert "loss became non-finite at step 1" in said.err.splitlines()[-1]
    assert record_of(Path("run"))["status"] == "failed"


FAILING = """
import sys
import torch
from sweepboard.tasks import Classification

def on_rank_1():
    return torch.distributed.is_initialized() and torch.distributed.get_rank() == 1

class Failing(Classification):
    def loss(self, outputs, targets):
        if on_rank_1():
            raise ValueError("no luck")
        return super().loss(outputs, targets)

class Nan(Classification):
    def loss(self, outputs, targets):
        return super().loss(outputs, targets) * (float("nan") if on_rank_1() else 1.0)
"""


BLOCKS = """
from torch import nn

class Blocks(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.first = nn.Linear(32, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width), nn.Dropout(0.2)) for _ in range(2)
        )
        self.last = nn.Linear(width, 10)
    def forward(self, inputs):
        hidden = self.first(inputs)
        for block in self.blocks:
            hidden = block(hidden).relu()
        return self.last(hidden)
"""


@pytest.mark.slow
def test_a_sharded_run_goes_on_to_the_bit_and_its_checkpoint_is_that_of_one_process(command: Command) -> None:
    write_files({"own.py": BLOCKS})
    words = [*RUN[1:], "model._target_=own.Blocks", "trainer.strategy=fsdp", "trainer.devices=3"]
    command(*words, "trainer.epochs=4", "hydra.run.dir=whole")
    command(*words, "trainer.epochs=2", "hydra.run.dir=part")
    command("resume", "part", "trainer.epochs=4")
    assert_the_same(Path("part"), Path("whole"))
    command("resume", "part", "trainer.epochs=5", "trainer.devices=1")
    command("resume", "part", "trainer.epochs=6", "trainer.devices=3")
    command("resume", "part", "trainer.epochs=7", "trainer.devices=2", "trainer.strategy=ddp")
    assert record_of(Path("part"))["status"] == "finished"


@pytest.mark.slow
def test_a_sharded_run_has_the_curves_of_one_process(command: Command) -> None:
    command(*RUN, "trainer.accumulate=2", "trainer.grad_clip=1.0", "hydra.run.dir=r1")
    sharded = ["trainer.devices=3", "trainer.strategy=fsdp"]
    command(*RUN, "trainer.accumulate=2", "trainer.grad_clip=1.0", *sharded, "hydra.run.dir=r3")
    one, three = curves(Path("r1")), curves(Path("r3"))
    for tag, points in one.items():
        assert [value for _, value in points] == pytest.approx([value for _, value in three[tag]], abs=1e-5)


@pytest.mark.slow
def test_a_run_of_one_process_with_a_fused_optimizer_goes_on_in_parts(command: Command) -> None:
    command(*RUN, "optimizer=sgd", "hydra.run.dir=run")
    longer = int(record_of(Path("run"))["step"]) + 6
    command("resume", "run", f"trainer.steps={longer}", "trainer.devices=2", "trainer.strategy=fsdp")
    assert record_of(Path("run"))["step"] == longer


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["logging.predictions=4"], "logging.predictions: does not go with trainer.strategy=fsdp"),
        (["trainer.compile=true"], "trainer.compile: does not go with trainer.strategy=fsdp"),
        (["callbacks=ema"], "callbacks.ema: does not go with trainer.strategy=fsdp"),
    ],
)
def test_what_a_sharded_run_cannot_do_is_refused(words: list[str], told: str, command: Command) -> None:
    said = command(*RUN, "trainer.devices=3", "trainer.strategy=fsdp", *words, code=2)
    assert said.line.startswith(f"sweepboard: {told}")


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_the_best_weights_are_tested_by_all_ranks(strategy: str, command: Command) -> None:
    words = [*TINY, "optimizer.lr=1", "trainer.epochs=5"]
    command(*words, "trainer.devices=2", f"trainer.strategy={strategy}", "hydra.run.dir=run")
    record = record_of(Path("run"))
    assert record["best_step"] < record["step"]
    said = command("test", "run", "--json").json
    assert said["step"] == record["best_step"]
    assert said["test_best/loss"] == pytest.approx(record["metrics"]["test_best/loss"])
    assert said["test_best/loss"] != record["metrics"]["test/loss"]
