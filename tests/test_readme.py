"""Every command of the README does what the README shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.documents import blocks, play, steps

README = Path(__file__).parent.parent / "README.md"


def test_blocks_are_read() -> None:
    text = "a\n```console\n$ one\nsaid 1.5\n...\n$ two\n```\n```python my.py\nx = 1\n```\n"
    (console, file) = blocks(text)
    assert file == ("python", "my.py", "x = 1\n")
    assert [(step.command, step.shown) for step in steps(console[2])] == [
        ("one", ["said 1.5", "..."]),
        ("two", []),
    ]


def test_a_wrong_line_is_found(tmp_path: Path) -> None:
    play("```console\n$ echo a 12; echo b\na 34\n...\n```\n", tmp_path)
    with pytest.raises(AssertionError, match="is not"):
        play("```console\n$ echo a; echo b\nc\n...\n```\n", tmp_path)


@pytest.mark.slow
def test_every_command_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "work"
    folder.mkdir()
    assert len(play(README.read_text(), folder)) > 10


def test_pictures_and_files_named_in_the_readme_exist() -> None:
    for name in re.findall(r"\]\(([\w./-]+)\)", README.read_text()):
        assert (README.parent / name).exists(), name
