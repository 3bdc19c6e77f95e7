"""Words that Hydra's grammar does not take: told with the whole word to type, which then is taken."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import get_type_hints

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from sweepboard.compose.call_checks import check_type
from sweepboard.compose.override_grammar import why_unreadable, with_home
from sweepboard.errors import ConfigError
from tests.command import Command
from tests.preparing import Mistake, Prepare

WORDS = {
    "model.path=ckpts/epoch=9-step=99.ckpt": ("=", "model.path", "ckpts/epoch=9-step=99.ckpt"),
    "model.tag=a#b": ("#", "model.tag", "a#b"),
    "model.path=größe/日本.pt": ("ö", "model.path", "größe/日本.pt"),
    "hydra.run.dir=out🎉": ("🎉", "hydra.run.dir", "out🎉"),
    "model.tag=~": ("~", "model.tag", "~"),
    "model.tag=a!": ("!", "model.tag", "a!"),
    "model.tag=a;b": (";", "model.tag", "a;b"),
    "model.tag=a<b": ("<", "model.tag", "a<b"),
    "model.tag=it's=x": ("=", "model.tag", "it's=x"),
    "dataset.root=it's": ("'", "dataset.root", "it's"),
    'dataset.root=12" discs': ('"', "dataset.root", '12" discs'),
}


@pytest.mark.parametrize("word", WORDS)
def test_the_character_and_the_word_to_type_are_named(word: str) -> None:
    sign, key, value = WORDS[word]
    told = why_unreadable(word)
    start = f"{word}: {sign} needs quotes; type "
    assert told.startswith(start)
    (typed,) = shlex.split(told.removeprefix(start))
    override = OverridesParser.create().parse_override(typed)
    assert (override.key_or_group, override.value()) == (key, value)


OTHERS = {
    "optimizer.lr = 0.1": "optimizer.lr = 0.1: there are blanks around the =; type optimizer.lr=0.1",
    "optimizer.lr =0.1": "optimizer.lr =0.1: there are blanks around the =; type optimizer.lr=0.1",
    "model.tag = a=b": """model.tag = a=b: there are blanks around the =; type 'model.tag="a=b"'""",
    "model.hidden[0]=4": ("model.hidden[0]=4: an entry of a list is named with a dot; type model.hidden.0=4"),
    "a.betas[1]=.9": "a.betas[1]=.9: an entry of a list is named with a dot; type a.betas.1=.9",
    "+a[0].b=1": "+a[0].b=1: an entry of a list is named with a dot; type +a.0.b=1",
    "model.a[1].b[2]=x": "model.a[1].b[2]=x: an entry of a list is named with a dot; type model.a.1.b.2=x",
    "x.setup=[export A=1, module load cuda]": (
        "x.setup=[export A=1, module load cuda]: = needs quotes; "
        """type 'x.setup=["export A=1",module load cuda]'"""
    ),
    "foo": "foo: an override is written key=value",
    "optimizer.lr==0.1": "optimizer.lr==0.1: has a second =; type optimizer.lr=0.1",
    "optimizer={lr=0.1}": "optimizer={lr=0.1}: a mapping has colons; type 'optimizer={lr:0.1}'",
    "optimizer.lr=0.1,": "optimizer.lr=0.1,: a value is missing at a comma; type optimizer.lr=0.1",
    "seed=1,,2": "seed=1,,2: a value is missing at a comma; type seed=1,2",
    "optimizer.lr=${oc.decode:${oc.env:LR}}": (
        "optimizer.lr=${oc.decode:${oc.env:LR}}: an interpolation in another needs quotes; "
        """type 'optimizer.lr="${oc.decode:${oc.env:LR}}"'"""
    ),
    "model.tag=${a.${b}}x": (
        """model.tag=${a.${b}}x: an interpolation in another needs quotes; type 'model.tag="${a.${b}}x"'"""
    ),
}


@pytest.mark.parametrize("word", OTHERS)
def test_other_slips_are_told(word: str) -> None:
    assert why_unreadable(word) == OTHERS[word]


def test_the_home_folder_is_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert with_home("dataset.root=~/photos") == "dataset.root=/home/me/photos"
    assert with_home("dataset.root=~/a,~/b c") == "dataset.root=/home/me/a,'/home/me/b c'"
    assert with_home("x=[~/a,b]") == "x=[/home/me/a,b]"
    for word in ("model.tag=a~/b", "~model", "model.tag=~", "x=1"):
        assert with_home(word) == word


def test_a_folder_below_home_is_found(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path.cwd()))
    said = command("dataset=image_folder", "dataset.root=~/größe", code=2).line
    assert said == f"sweepboard: dataset.root: there is no folder {Path.cwd()}/größe"


@pytest.mark.parametrize("word", ["dataset.root=", "dataset.root=' '", "output_root=''"])
def test_an_empty_path_is_not_the_working_directory(word: str, mistake: Mistake) -> None:
    key = word.partition("=")[0]
    told = f"{key}: names no folder; give one, which may be . for the working directory"
    assert mistake("dataset=image_folder", "dataset.root=x", word) == told


TEXTS = {
    'model.hidden="[8,8]"': "model.hidden: needs a list, each an integer, got the text '[8,8]'; leave",
    "optimizer.lr='0.003'": "optimizer.lr: needs a number or Tensor, got the text '0.003'; leave",
    "optimizer.lr='1e-2'": "optimizer.lr: needs a number or Tensor, got the text '1e-2'; leave",
    "optimizer.amsgrad='true'": "optimizer.amsgrad: needs true or false, got the text 'true'; leave",
    "optimizer.lr=fast": "optimizer.lr: needs a number or Tensor, got fast",
    "model.hidden=${oc.env:HIDDEN}": "model.hidden: needs a list, each an integer, got the text '[4]'; leave",
}


@pytest.mark.parametrize("word", TEXTS)
def test_a_text_is_told_to_be_one(word: str, mistake: Mistake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIDDEN", "[4]")
    assert mistake("model=mlp", word).startswith(TEXTS[word])


def test_numbers_of_the_environment_are_numbers(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"LR": "1e-2", "BATCH": "16", "CLIP": "0.5", "MOMENTUM": "0.8"}.items():
        monkeypatch.setenv(name, text)
    config = prepare(
        "optimizer=sgd", "optimizer.lr=${oc.env:LR}", "dataset.batch_size=${oc.env:BATCH}",
        "trainer.grad_clip=${oc.env:CLIP}", "optimizer.momentum=${oc.env:MOMENTUM,0.9}",
        "optimizer.dampening=${oc.env:DAMPENING,0.1}", "scheduler=onecycle",
    ).config.values  # fmt: skip
    assert config["optimizer"]["lr"] == 0.01
    assert config["scheduler"]["max_lr"] == 0.01
    assert config["dataset"]["batch_size"] == 16
    assert config["trainer"]["grad_clip"] == 0.5
    assert (config["optimizer"]["momentum"], config["optimizer"]["dampening"]) == (0.8, 0.1)


def test_a_text_of_the_environment_stays_one(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRIC", "007")
    with pytest.raises(Exception, match="metric=007: there is no such metric"):
        prepare("trainer.checkpoint.metric=${oc.env:METRIC}")


def test_a_number_where_a_text_is_needed_is_told_how_to_quote() -> None:
    def function(path: str, mode: str | None = None) -> None: ...

    for key, value, got in [("path", 123, "123"), ("path", math.inf, "inf"), ("mode", 1e5, "100000.0")]:
        with pytest.raises(
            ConfigError, match=f'got {got}; a text that looks like a number is quoted, .*{key}="'
        ):
            check_type(value, get_type_hints(function)[key], f"model.{key}")


@pytest.mark.parametrize("more", [[], ["-m", "seed=1,2"], ["-m", "hydra/sweeper=optuna", "seed=1,2"]])
@pytest.mark.parametrize("value", ["695e0514", "[1,1.5E400]", "{a:1e999}"])
def test_digits_are_not_infinity(value: str, more: list[str], command: Command) -> None:
    said = command(*more, f"+model.how={value}", code=2).line
    assert f"sweepboard: +model.how={value}: " in said
    assert "is larger than every number; as a text it is quoted" in said
