"""Swept keys that only some of the swept options have are told with a sub-grid to type, which works."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.command import TINY, Command

FEW = [word for word in TINY if word != "model=linear"]


@pytest.mark.parametrize(
    ("fixed", "words", "jobs"),
    [
        (["model=mlp"], ["optimizer=sgd,adam", "optimizer.momentum=0,0.9"], 3),
        (["model=mlp"], ["optimizer=adam,sgd", "+optimizer.nesterov=false", "optimizer.eps=0.1,0.2"], 3),
        (["model=mlp"], ["optimizer=sgd,adam", "optimizer.amsgrad=true", "optimizer.lr=0.1,1"], 4),
        ([], ["model=mlp,cnn", "model.hidden=[8],[4]"], 3),
        (["model=mlp"], ["scheduler=cosine,none,step", "scheduler.gamma=0.5,0.1"], 4),
        (["model=mlp"], ["scheduler=cosine,step", "scheduler.gamma=0.5,0.1"], 3),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_the_words_that_are_told_give_each_option_its_own_keys(
    fixed: list[str], words: list[str], jobs: int, command: Command
) -> None:
    line = command("plan", *FEW, *fixed, *words, code=2).line
    told = re.search(r"has no such argument; to give each \w+ keys of its own, type (.*)$", line)
    assert told, line
    assert len(command("plan", "--json", *FEW, *fixed, *shlex.split(told[1])).json) == jobs


def test_many_of_them_are_told_in_part(command: Command) -> None:
    line = command(
        "plan", *FEW, "model=mlp", "optimizer=sgd,adam", "optimizer.momentum=range(9)", code=2
    ).line
    assert line.count("_target_") == 4
    assert line.endswith("momentum:3},...'")


@pytest.mark.parametrize(
    "words",
    [["optimizer=sgd", "optimizer.betas=1,2"], ["optimizer=sgd,adam", "model.nope=1,2"]],
)
def test_one_option_has_no_sub_grid(words: list[str], command: Command) -> None:
    assert "keys of its own" not in command("plan", *FEW, "model=mlp", *words, code=2).line
