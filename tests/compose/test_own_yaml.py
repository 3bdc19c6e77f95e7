"""YAML of the user's own that stands for too much is one line, and nothing waits for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.command import Command
from tests.test_plain_yaml import HOSTILE

KINDS = [
    "lists of aliases",
    "mappings of aliases",
    "merged mappings",
    "a mapping that holds itself",
    "300 lists",
]


@pytest.mark.parametrize("kind", KINDS)
def test_own_yaml_that_stands_for_too_much_is_one_line(kind: str, command: Command) -> None:
    Path("cf/model").mkdir(parents=True)
    Path("cf/model/bomb.yaml").write_text(HOSTILE[kind])
    said = command("--config-dir", "cf", "model=bomb", code=2).line
    assert "cf/model/bomb.yaml cannot be read" in said


def test_own_yaml_that_is_a_pipe_is_one_line(command: Command) -> None:
    Path("cf/model").mkdir(parents=True)
    os.mkfifo("cf/model/pipe.yaml")
    assert "model=pipe" in command("--config-dir", "cf", "model=pipe", code=2).line
