"""Mixup and cutmix of torchvision, and a function of one's own, on the batches of a run."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.command import TINY, Command, record_of
from tests.runs.process import assert_the_same
from tests.runs.sabotage import ACCIDENTS, SABOTAGED
from tests.runs.test_resume import asked_to_stop

V2 = "torchvision.transforms.v2"
KEY = "dataset.batch_transform"
BOTH = [
    f"{KEY}._target_={V2}.RandomChoice",
    f"{KEY}.transforms=[{{_target_: {V2}.MixUp, alpha: 0.2}}, {{_target_: {V2}.CutMix}}]",
]
MINE = """
from torch.nn.functional import one_hot

def alone(inputs, targets):
    return inputs

def soft(inputs, targets, num_classes, share=0.9):
    assert num_classes == 10
    return inputs, one_hot(targets, num_classes) * share + (1 - share) / num_classes

def boxed(inputs, targets):
    return inputs, targets[:, None].float()
"""


WORKERS = ["dataset.in_memory=false", "dataset.workers=2"]


@pytest.mark.parametrize("reader", [[], pytest.param(WORKERS, marks=pytest.mark.slow)], ids=str)
def test_a_run_stopped_in_an_epoch_goes_on_with_the_same_batches(command: Command, reader: list[str]) -> None:
    words = [*TINY, *SABOTAGED]
    command(*words, *BOTH, "hydra.run.dir=reference")
    ACCIDENTS.update({4: asked_to_stop})
    try:
        command(*words, *BOTH, *reader, "hydra.run.dir=run", code=128 + signal.SIGTERM)
    finally:
        ACCIDENTS.clear()
    command("resume", "run")
    assert_the_same(Path("run"), Path("reference"))
    assert "identical" in command("verify", "run").out


def test_a_function_of_ones_own_is_given_the_number_of_classes(command: Command) -> None:
    Path("mine.py").write_text(MINE)
    command(*TINY, f"{KEY}=mine.soft", "hydra.run.dir=by_name")
    command(*TINY, f"{KEY}._target_=mine.soft", f"{KEY}.share=0.9", "hydra.run.dir=by_node")
    shas = {record_of(Path(name))["weights_sha256"] for name in ("by_name", "by_node")}
    assert len(shas) == 1
    command(*TINY, f"{KEY}._target_={V2}.RandomErasing", f"{KEY}.p=1.0")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([f"{KEY}=mine.alone"], f"{KEY}: it must return inputs and targets, but returned a Tensor"),
        ([f"{KEY}=mine.boxed"], "task: sweepboard.tasks.Classification cannot compare outputs of shape"),
        ([f"{KEY}=mine.sofd"], f"{KEY}: there is no sofd in mine; did you mean mine.soft"),
        ([f"{KEY}._target_={V2}.MixUp", f"+{KEY}.alpah=1"], f"{KEY}.alpah: {V2}.MixUp has no such argument"),
        (
            [f"{KEY}={V2}.MixUp", "dataset=gaussian"],
            f"{KEY}: it cannot change a batch of two samples, a t",
        ),
    ],
)
def test_a_mistake_is_one_line_before_the_run(command: Command, words: list[str], told: str) -> None:
    Path("mine.py").write_text(MINE)
    assert told in command(*TINY, *words, code=2).line
    assert not Path("outputs").exists()
