"""A mistake in the arguments of a verb, or in a flag, is one line that says what to type."""

from __future__ import annotations

import pytest

from tests.command import Command

MISTAKES = {
    "ls --sort": "ls: --sort: expected one argument; `sweepboard ls --help` says what it takes",
    "ls --limit x": "ls: --limit: invalid int value: 'x'; `sweepboard ls --help` says what it takes",
    "compare --aggergate": "compare: there is no flag --aggergate; did you mean --aggregate?",
    "check --xyzzy": "check: there is no flag --xyzzy; `sweepboard check --help` says what it takes",
    "resume": "resume: RUN is missing; `sweepboard resume --help` says what it takes",
    "rerun --config-dir c": "rerun: RUN is missing; `sweepboard rerun --help` says what it takes",
    "diff a": "diff: SECOND is missing; `sweepboard diff --help` says what it takes",
    "note": "note: RUN is missing; `sweepboard note --help` says what it takes",
    "init x y": "init: y is one argument too many; `sweepboard init --help` says what it takes",
    "board outputs more": "board: more is one argument too many; `sweepboard board --help` says",
    "board --prot 7000": "board: there is no flag --prot; did you mean --port?",
    "export a --format zip": "export: --format: invalid choice: 'zip'",
    "--gpus 2": "--gpus: there is no such flag; sweepboard --help lists flags and settings",
    "--resolve": "--resolve: is of --cfg; add --cfg=job",
    "--package model": "--package: is of --cfg; add --cfg=job",
    "--config-dir=": "--config-dir: names no folder; give the folder that holds your YAML groups",
    "sweep.jobs=2": "sweep.jobs=2: is of a sweep, and this is one run; add -m",
    "sweep={name:x}": "sweep={name:x}: is of a sweep, and this is one run; add -m",
    "-m seed=1,2 hydra.sweeper=null": "hydra.sweeper, hydra.launcher: cannot be null",
    "-m seed=1,2 hydra.launcher=null": "hydra.sweeper, hydra.launcher: cannot be null",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_one_line(words: str, command: Command) -> None:
    assert command(*words.split(), code=2).line.startswith(f"sweepboard: {MISTAKES[words]}")


def test_a_flag_of_an_answer_is_taken_with_it(command: Command) -> None:
    assert "hidden" in command("--cfg", "job", "--resolve", "--package", "model", "model=mlp").out
