"""An unquoted word in a user's YAML is what it looks like, or is refused; quoted it is a text."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sweepboard.compose.config_search import load
from sweepboard.errors import ConfigError
from tests.command import TINY, Command, only_run

NET = """
from torch import nn

class Net(nn.Linear):
    def __init__(self, features, outputs, free=None, number: int = 1, text: str = "", flag: bool = False):
        super().__init__(features, outputs)

    def forward(self, inputs):
        return super().forward(inputs.flatten(1))
"""
TARGET = "_target_: net.Net\nfeatures: ${facts.features}\noutputs: ${facts.outputs}\n"
WORDS = [word for word in TINY if word != "model=linear"]

MISLEADING = {
    "0777": "0777 is the number 511 in YAML; write 511, or '0777' for the text",
    "-0_17": "-0_17 is the number -15 in YAML; write -15, or '-0_17' for the text",
    "0b101": "0b101 is the number 5 in YAML; write 5, or '0b101' for the text",
    "1:30": "1:30 is the number 90 in YAML; write 90, or '1:30' for the text",
    "12:30:05": "12:30:05 is the number 45005 in YAML; write 45005, or",
    "1:30.5": "1:30.5 is the number 90.5 in YAML; write 90.5, or",
    "no": "no is false in YAML, and a text on the command line; write false, or 'no' for the text",
    "NO": "NO is false in YAML, and a text on the command line; write false, or 'NO' for the text",
    "off": "off is false in YAML, and a text",
    "Yes": "Yes is true in YAML, and a text on the command line; write true, or",
    "on": "on is true in YAML, and a text",
    "695e0514": "695e0514 is larger than every number; as a text it is quoted, '695e0514'",
}


@pytest.mark.parametrize(("word", "line"), MISLEADING.items(), ids=MISLEADING.keys())
def test_a_misleading_word_is_refused(word: str, line: str, tmp_path: Path) -> None:
    file = tmp_path / "some.yaml"
    for text, key in (
        ("seed: {}", "seed"),
        ("a: {{b: [1, {}]}}", "a.b[1]"),
        ("a:\n  {}: 1", f"a.{word}"),
    ):
        file.write_text(f"# x\n{text.format(word)}\n")
        with pytest.raises(ConfigError) as caught:
            load(file)
        number = 2 + text.count("\n")
        assert str(caught.value).startswith(f"{file}, line {number}: {key}: {line}")
        file.write_text(text.format(f"'{word}'"))
        load(file)


@pytest.mark.parametrize(
    "word", ["0", "10", "0x1F", "1_000", "true", "FALSE", "2024-01-01", "y", "08", "1e3", "a:30"]
)
def test_other_words_are_read(word: str, tmp_path: Path) -> None:
    file = tmp_path / "some.yaml"
    file.write_text(f"a: {word}\n")
    load(file)


def test_names_of_options_are_as_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "some.yaml"
    file.write_text("defaults:\n  - /model: no\n  - 0777\n")
    load(file)


@pytest.mark.parametrize("key", ["free", "number", "text", "flag"])
@pytest.mark.parametrize("word", ["0777", "no", "1:30"])
def test_the_mistake_is_told_for_arguments_of_every_type(key: str, word: str, command: Command) -> None:
    Path("net.py").write_text(NET)
    Path("own/model").mkdir(parents=True)
    Path("own/model/net.yaml").write_text(f"{TARGET}{key}: {word}\n")
    said = command("--config-dir", "own", "model=net", *WORDS, code=2)
    assert f"own/model/net.yaml, line 4: {key}: {word} is " in said.line


@pytest.mark.parametrize("setting", ["trainer: {compile: no}", "seed: 0777", "trainer: {epochs: 1:30}"])
def test_the_mistake_is_told_for_settings(setting: str, command: Command) -> None:
    Path("own/experiment").mkdir(parents=True)
    Path("own/experiment/mine.yaml").write_text(f"# @package _global_\n{setting}\n")
    said = command("--config-dir", "own", "experiment=mine", *TINY, code=2)
    assert "own/experiment/mine.yaml, line 2: " in said.line


def test_plain_words_are_the_same_in_yaml_and_typed(command: Command) -> None:
    Path("net.py").write_text(NET)
    Path("own/model").mkdir(parents=True)
    for word in ("2024-01-01", "1_000", "08", "y", "1e3", "+5", ".5", "nope"):
        Path("own/model/net.yaml").write_text(f"{TARGET}free: {word}\n")
        show = ["--config-dir", "own", "model=net", "--cfg", "job", "-p", "model.free"]
        assert command(*show).out == command(*show, f"model.free={word}").out, word


def test_a_quoted_word_reaches_the_class_as_text(command: Command) -> None:
    Path("net.py").write_text(NET)
    Path("own/model").mkdir(parents=True)
    Path("own/model/net.yaml").write_text(f"{TARGET}free: '0777'\ntext: 'no'\n")
    command("--config-dir", "own", "model=net", *WORDS)
    model = yaml.safe_load((only_run(Path("outputs")) / "config.yaml").read_text())["model"]
    assert (model["free"], model["text"]) == ("0777", "no")
