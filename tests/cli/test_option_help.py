"""`sweepboard model=mlp --help`: every key of what is chosen, with its type, default and comment."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from sweepboard.names import flatten
from tests.command import Command, write_files

CONF = Path(str(files("sweepboard.conf")))
OPTIONS = sorted(path for path in CONF.glob("*/*.yaml") if path.parent.name != "hydra")


def words(text: str) -> str:
    """The text as one line."""
    return " ".join(text.split())


def test_keys_with_types_defaults_and_comments(command: Command) -> None:
    said = words(command("model=mlp", "optimizer=sgd", "--help").out)
    assert "model=mlp model._target_=sweepboard.models.MLP (class)" in said
    assert "model.hidden=[256, 128] (list) units of each hidden layer" in said
    assert "model.dropout=0.0 (number) share of each hidden layer that is set to zero in training" in said
    assert "optimizer.lr=" in said
    assert "optimizer.no_decay=null Parameters without weight decay" in said


@pytest.mark.parametrize("path", OPTIONS, ids=lambda path: f"{path.parent.name}={path.stem}")
def test_every_key_of_every_option_is_listed(path: Path, command: Command) -> None:
    group = path.parent.name
    content = yaml.safe_load(path.read_text()) or {}
    content.pop("defaults", None)
    said = words(command(f"{group}={path.stem}", "--help").out)
    prefix = "" if group == "experiment" else f"{group}."
    for key, _ in flatten(content):
        assert f" {prefix}{key}=" in said


def test_options_of_the_users_own_are_listed_and_their_text_is_escaped(command: Command) -> None:
    text = "# Mine\u202e\n_target_: mine.Net\ndeep:\n  width: 3  # wide\n           # and tall\n"
    write_files({"c/model/mine.yaml": text})
    said = words(command("--config-dir", "c", "model=mine", "--help").out)
    assert "model.deep.width=3 (whole number) wide and tall" in said
    assert "\u202e" not in said


def test_help_without_an_option_is_the_whole_help(command: Command) -> None:
    assert "Config groups" in command("optimizer.lr=0.1", "--help").out
