"""A user's own YAML may be from anywhere: nothing in it keeps sweepboard busy for ever."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.command import Command
from tests.hostile_yaml import HOSTILE

KINDS = [
    "lists of aliases",
    "mappings of aliases",
    "merged mappings",
    "a mapping that holds itself",
    "300 lists",
    "3000 lists",
    "500 mappings in blocks",
]
HOW = [("--config-dir", "cf"), ("hydra.searchpath=[file://cf]",)]
QUESTIONS = [(), ("--cfg", "job"), ("--origin",)]


@pytest.mark.parametrize("kind", KINDS)
def test_own_yaml_that_stands_for_too_much_is_one_line(kind: str, command: Command) -> None:
    Path("cf/model").mkdir(parents=True)
    Path("cf/model/bomb.yaml").write_text(HOSTILE[kind])
    for how in HOW:
        for question in QUESTIONS:
            said = command(*question, *how, "model=bomb", code=2).line
            assert "cf/model/bomb.yaml cannot be read" in said


@pytest.mark.parametrize("kind", KINDS)
def test_a_primary_configuration_that_stands_for_too_much_is_one_line(kind: str, command: Command) -> None:
    Path("cf").mkdir()
    Path("cf/config.yaml").write_text(HOSTILE[kind])
    for words in (*QUESTIONS, ("-m", "seed=1,2")):
        said = command(*words, "--config-dir", "cf", code=2).line
        assert "cf/config.yaml cannot be read" in said


@pytest.mark.parametrize("text", ["a: " + "[" * 3000 + "]" * 3000, "a: " + "{a: " * 3000 + "1" + "}" * 3000])
def test_nesting_that_libyaml_refuses_is_one_line(text: str, command: Command) -> None:
    Path("cf/experiment").mkdir(parents=True)
    Path("cf/experiment/deep.yaml").write_text(f"# @package _global_\n{text}\n")
    for how in HOW:
        assert "levels deep" in command(*how, "experiment=deep", code=2).line


def test_own_yaml_that_is_a_pipe_is_one_line(command: Command) -> None:
    Path("cf/model").mkdir(parents=True)
    os.mkfifo("cf/model/pipe.yaml")
    assert "model=pipe" in command("--config-dir", "cf", "model=pipe", code=2).line


def test_a_pipe_beside_a_file_that_is_no_text_is_not_waited_for(command: Command) -> None:
    Path("cf/model").mkdir(parents=True)
    os.mkfifo("cf/a.yaml")
    Path("cf/model/latin.yaml").write_bytes(b"a: \xff\n")
    assert "latin.yaml is not UTF-8 text" in command("--config-dir", "cf", "model=latin", code=2).line


def test_what_cannot_be_read_beside_a_preset_is_not_asked_for(command: Command) -> None:
    Path("cf/experiment/folder.yaml").mkdir(parents=True)
    os.mkfifo("cf/experiment/pipe.yaml")
    Path("cf/experiment/latin.yaml").write_bytes(b"a: \xff\n")
    Path("cf/experiment/gone.yaml").symlink_to("nowhere")
    preset = "# @package _global_\ndefaults:\n  - override /optimizer: sgd\n"
    Path("cf/experiment/mine.yaml").write_text(preset)
    for how in HOW:
        command(*how, "experiment=mine", "dataset=gaussian", "model=linear", "trainer=debug", "threads=1")


def test_an_own_option_whose_class_was_replaced_is_named_by_the_class(command: Command) -> None:
    from tests.command import TINY, record_of

    Path("cf/optimizer").mkdir(parents=True)
    Path("cf/optimizer/mine.yaml").write_text("_target_: torch.optim.SGD\nlr: 0.1\n")
    words = [*TINY, "dataset=gaussian", "--config-dir", "cf", "optimizer=mine"]
    command(*words, "hydra.run.dir=own")
    command(*words, "optimizer._target_=torch.optim.Adam", "hydra.run.dir=replaced")
    assert record_of(Path("own"))["groups"]["optimizer"] == "mine"
    assert record_of(Path("replaced"))["groups"]["optimizer"] == "torch.optim.Adam"
