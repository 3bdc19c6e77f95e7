"""Each of many numbers of an optimizer is refused before a sweep if its class would refuse it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.command import Command

WORDS = ["plan", "dataset=gaussian", "model=linear", "trainer=debug", "threads=1"]
OWN = """
from torch.optim import SGD

class Picky(SGD):
    def __init__(self, params, lr=0.1, momentum=0.0):
        if 0.4 < momentum < 0.6:
            raise ValueError(f"no momentum of {momentum}")
        super().__init__(params, lr=lr, momentum=momentum)
"""
REFUSED = {
    "optimizer=sgd optimizer.momentum": ("0.5,0.6,0.7,-0.1", "Invalid momentum value: -0.1"),
    "optimizer=adamw optimizer.weight_decay": ("0.1,0.2,0.3,-1.0,0.4", "Invalid weight_decay value: -1.0"),
    "optimizer=adam optimizer.lr": ("0.1,0.2,0.3,0.0", "optimizer.lr: must be a finite number above 0, "),
    "optimizer=adam +optimizer.eps": ("1e-8,1e-7,1e-6,-1e-5", "Invalid epsilon value: -1e-05"),
    "optimizer._target_=own.Picky optimizer.momentum": ("0.1,0.2,0.3,0.5,0.9", "no momentum of 0.5"),
    "optimizer.groups={w:{params:'*.weight'},b:{params:'*.bias',lr:0.1}} optimizer.groups.b.lr":
        ("0.1,0.2,0.3,-0.5", "optimizer.groups.b.lr: must be a finite number above 0, got -0.5"),
    "scheduler=onecycle scheduler.max_lr=${optimizer.lr} optimizer.lr": ("0.1,0.2,0.3,-0.2", "optimizer.lr:"),
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSED)
def test_one_of_many(words: str, command: Command) -> None:
    Path("own.py").write_text(OWN)
    values, reason = REFUSED[words]
    line = command(*WORDS, *f"{words}={values}".split(), code=2).line
    assert reason in line
    assert not Path("outputs").exists()


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(good=st.lists(st.floats(0.01, 0.39), min_size=3, max_size=6, unique=True), bad=st.floats(0.41, 0.59))
@pytest.mark.slow
def test_a_class_of_ones_own_sees_every_number(good: list[float], bad: float, command: Command) -> None:
    Path("own.py").write_text(OWN)
    words = [*WORDS, "optimizer._target_=own.Picky"]
    values = ",".join(map(repr, good))
    assert f"{len(good)} jobs" in command(*words, f"optimizer.momentum={values}").out
    assert f"no momentum of {bad}" in command(*words, f"optimizer.momentum={values},{bad}", code=2).line
