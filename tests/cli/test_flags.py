"""Flags may stand anywhere, and a word with dashes that is none is told with what to type."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sweepboard.cli.command_line import parse
from sweepboard.cli.dispatch import VERBS, split_verb
from tests.command import Command


@pytest.mark.parametrize(
    "argv",
    [
        ["model=mlp", "--cfg", "job", "seed=5"],
        ["model=mlp", "--config-dir", "c", "seed=5", "-c", "job"],
        ["--cfg=job", "model=mlp", "--config-dir=c", "seed=5"],
    ],
)
def test_flags_stand_between_overrides(argv: list[str], command: Command) -> None:
    Path("c").mkdir()
    composed = yaml.safe_load(command(*argv).out)
    assert composed["seed"] == 5
    assert composed["model"]["_target_"] == "sweepboard.models.MLP"


def test_no_word_at_all_is_the_default_run() -> None:
    request = parse([])
    assert (request.overrides, request.config_name, request.config_dirs) == ([], "config", [])


def test_a_sweep_may_be_asked_for_between_overrides(command: Command) -> None:
    said = command("plan", "model=linear", "-m", "seed=1,2", "--json", "threads=1")
    assert [job["job"] for job in said.json] == ["seed=1", "seed=2"]


@pytest.mark.parametrize(
    ("argv", "verb", "rest"),
    [
        (["--config-dir", "conf", "plan", "seed=1,2"], "plan", ["--config-dir", "conf", "seed=1,2"]),
        (["--config-dir=plan", "ls"], "ls", ["--config-dir=plan"]),
        (["-cd", "plan", "-m", "seed=1"], "train", ["-cd", "plan", "-m", "seed=1"]),
        (["--json", "ls", "x"], "ls", ["--json", "x"]),
        (["--allow", "my", "rerun", "r"], "rerun", ["--allow", "my", "r"]),
    ],
)
def test_flags_stand_before_the_verb(argv: list[str], verb: str, rest: list[str]) -> None:
    assert split_verb(argv) == (verb, rest)


@pytest.mark.parametrize(
    "argv",
    [
        ["seed=1,2", "-m", "plan"],
        ["model=mlp", "compare", "outputs"],
        ["--config-dir", "c", "seed=1", "resume", "r"],
    ],
)
def test_a_verb_after_an_override_is_told(argv: list[str], command: Command) -> None:
    verb = next(word for word in argv if word in VERBS)
    line = command(*argv, code=2).line
    assert line == f"sweepboard: {verb}: a verb stands before all overrides; type `sweepboard {verb} ...`"


def test_a_value_that_is_called_like_a_verb_is_none() -> None:
    argv = ["seed=1", "--config-name", "test", "-cd", "plan"]
    assert split_verb(argv) == ("train", argv)


DASHES = {
    "--optimizer.lr=0.1": "--optimizer.lr=0.1: an override has no dashes; type optimizer.lr=0.1",
    "--model=mlp": "--model=mlp: an override has no dashes; type model=mlp",
    "--lr 0.1": "--lr: an override has no dashes; type optimizer.lr=0.1",
    "-lr=0.1": "-lr=0.1: an override has no dashes; type optimizer.lr=0.1",
    "--batch-size 32": "--batch-size: an override has no dashes; type dataset.batch_size=32",
    "--epochs=3": "--epochs=3: an override has no dashes; type trainer.epochs=3",
    "--hydra/launcher=basic": "--hydra/launcher=basic: an override has no dashes; type hydra/launcher=basic",
    "--config-dri c": "--config-dri: there is no such flag; did you mean --config-dir?",
    "--mulitrun": "--mulitrun: there is no such flag; did you mean --multirun?",
    "--xyzzy": "--xyzzy: there is no such flag; sweepboard --help lists flags and settings",
    "--config-dir": "--config-dir/-cd: expected one argument; sweepboard --hydra-help lists all flags",
}


@pytest.mark.parametrize(("words", "line"), DASHES.items(), ids=DASHES.keys())
def test_a_word_with_dashes_is_told(words: str, line: str, command: Command) -> None:
    assert command("seed=1", *words.split(), code=2).line == f"sweepboard: {line}"
    assert list(Path().iterdir()) == []
