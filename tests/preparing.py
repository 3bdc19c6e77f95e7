"""Composing and preparing as the command line does it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydra import compose
from omegaconf import DictConfig

from sweepboard.building.prepare import Prepared
from sweepboard.building.prepare import prepare as check
from sweepboard.compose.config_search import hydra_ready
from sweepboard.compose.hydra_errors import explain
from sweepboard.errors import ConfigError
from tests.command import own_imports

Prepare = Callable[..., Prepared]
Mistake = Callable[..., str]


def told(text: str) -> dict[str, str]:
    """Words and what they are answered with, from paragraphs of a text."""
    parts = [[line.strip() for line in part.splitlines()] for part in text.strip().split("\n\n")]
    return {word: " ".join(answer) for word, *answer in parts}


def composed(words: tuple[str, ...], config_dir: Path | None = None) -> DictConfig:
    folders = [config_dir] if config_dir else []
    try:
        with hydra_ready(folders):
            return compose("config", list(words), return_hydra_config=True)
    except Exception as error:
        raise explain(error, words, folders) from error


@pytest.fixture
def prepare() -> Prepare:
    """`prepare("model=mlp", ...)`: what these words on the command line make, checked."""

    def run(*words: str, config_dir: Path | None = None) -> Prepared:
        config = composed(words, config_dir)
        return check(config, config.hydra.runtime.choices, words)

    return run


@pytest.fixture
def mistake(prepare: Prepare) -> Mistake:
    """`mistake("model=mpl", ...)`: the one line that these words are answered with."""

    def run(*words: str, config_dir: Path | None = None) -> str:
        with pytest.raises(ConfigError) as raised:
            prepare(*words, config_dir=config_dir)
        assert "\n" not in str(raised.value)
        return str(raised.value)

    return run


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """`module("my_nets", source)`: a user's own file where it can be imported from."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, source: str) -> None:
        (tmp_path / f"{name}.py").write_text(source)

    with own_imports(tmp_path):
        sys.path.insert(0, str(tmp_path))
        yield write
