"""Overrides of a saved configuration are taken, and refused, as those of a new run."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweepboard.building.prepare import prepare_resolved
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import ConfigError
from tests.command import Command
from tests.preparing import Prepare

FOLDER, NUMBER = "${hydra:runtime.output_dir}", "${hydra:job.num}"


@pytest.fixture
def saved(prepare: Prepare) -> RunConfig:
    return prepare("model=mlp", "dataset=gaussian", "model.hidden=[8,16]", "optimizer.lr=0.25").config


@pytest.mark.parametrize(
    ("words", "hidden"),
    [
        (["model.hidden.0=4"], [4, 16]),
        (["model.hidden.1=4", "model.hidden.0=2"], [2, 4]),
        (["++model.hidden.1=4"], [8, 4]),
        (["model.hidden=extend_list(2)", "model.hidden.2=4"], [8, 16, 4]),
    ],
)
def test_an_entry_of_a_list_is_set(
    saved: RunConfig, prepare: Prepare, words: list[str], hidden: list[int]
) -> None:
    assert saved.with_overrides(words).values["model"]["hidden"] == hidden
    assert prepare("model=mlp", "model.hidden=[8,16]", *words).config.values["model"]["hidden"] == hidden


def test_an_entry_of_a_list_follows_another_key_until_it_is_typed(saved: RunConfig) -> None:
    changed = saved.with_overrides(["dataset.batch_size=12", "model.hidden.1=${dataset.batch_size}"])
    assert changed.interpolations["model.hidden[1]"] == "dataset.batch_size"
    assert prepare_resolved(changed).config.values["model"]["hidden"] == [8, 12]
    again = changed.with_overrides(["model.hidden.1=3"])
    assert "model.hidden[1]" not in again.interpolations
    assert prepare_resolved(again).config.values["model"]["hidden"] == [8, 3]


def test_a_typed_entry_of_a_list_is_known_as_typed(saved: RunConfig) -> None:
    assert saved.with_overrides(["model.hidden.1=4"]).typed == {"model.hidden[1]": 4}


REFUSED = {
    "model.hidden.7=4": "model.hidden[7]: the list ends before; type 'model.hidden=extend_list(...)' to add",
    "+model.hidden.2=4": "model.hidden[2]: the list ends before; type 'model.hidden=extend_list(...)' to add",
    "model.hidden.x=4": "model.hidden.x: model.hidden is a list, and x is no number; type model.hidden.0=",
    "+model.hidden.0=4": "+model.hidden.0: is there already; leave out the +",
    "~model.hidden.0": "~model.hidden.0: a list is given as a whole; type model.hidden=[...]",
    "~trainer.grad_clip": "~trainer.grad_clip: a setting cannot be deleted; give it another value",
    "~trainer.early_stopping": "~trainer.early_stopping: a setting cannot be deleted; give it another value",
    "~seed": "~seed: a setting cannot be deleted; give it another value",
    "~output_root": "~output_root: a setting cannot be deleted; give it another value",
    "~dataset.batch_size": "~dataset.batch_size: a setting cannot be deleted; give it another value",
    "~scheduler.interval": "~scheduler.interval: a setting cannot be deleted; give it another value",
}


@pytest.mark.parametrize(("word", "line"), REFUSED.items(), ids=REFUSED.keys())
def test_what_a_new_run_refuses_is_refused(saved: RunConfig, word: str, line: str, command: Command) -> None:
    assert command("model=mlp", "model.hidden=[8,16]", word, code=2).line.startswith(f"sweepboard: {line}")
    with pytest.raises(ConfigError) as caught:
        saved.with_overrides([word])
    assert str(caught.value).startswith(line)


def test_an_argument_may_be_deleted(saved: RunConfig) -> None:
    assert "hidden" not in saved.with_overrides(["~model.hidden"]).values["model"]


def test_a_resolver_that_is_not_there_is_told_with_the_key(saved: RunConfig) -> None:
    with pytest.raises(ConfigError, match=r"^model.a: there is no resolver"):
        saved.with_overrides(["+model.a='${nope:x}'"])


def test_a_relative_interpolation_is_taken_from_where_it_stands(saved: RunConfig) -> None:
    changed = saved.with_overrides(["optimizer.weight_decay=${.lr}"])
    assert changed.interpolations["optimizer.weight_decay"] == "optimizer.lr"


def test_an_option_with_values_of_the_run(saved: RunConfig, command: Command) -> None:
    Path("own/model").mkdir(parents=True)
    option = Path("own/model/mine.yaml")
    option.write_text(f'_target_: x.Y\na: {FOLDER}/x\nb: ["{NUMBER}"]\nc: ${{hydra:runtime.cwd}}\n')
    changed = saved.with_overrides(["model=mine"], [Path("own")])
    templates = {"model.a": f"{FOLDER}/x", "model.b[0]": NUMBER}
    assert templates.items() <= changed.interpolations.items()
    assert changed.values["model"] == {
        "_target_": "x.Y",
        "a": f"{FOLDER}/x",
        "b": [NUMBER],
        "c": str(Path.cwd()),
    }
    option.write_text("_target_: x.Y\na: ${oc.decode:'[1,${hydra:job.num}2]'}\n")
    with pytest.raises(ConfigError, match=r"^model.a: .* is computed from a value that only a run has"):
        saved.with_overrides(["model=mine"], [Path("own")])
    option.write_text("_target_: x.Y\na: ${nope:x}\n")
    with pytest.raises(ConfigError, match=r"^model.a: there is no resolver"):
        saved.with_overrides(["model=mine"], [Path("own")])
