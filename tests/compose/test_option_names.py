"""Options are names: also `1`, `true`, `001`, null for none, and those of nested groups in saved runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import ConfigError
from tests.command import Command

NAMES = ["1", "001", "1e3", "true", "on", "1.5", "-3", "nan"]


@pytest.fixture
def presets(command: Command) -> Path:
    folder = Path("c")
    (folder / "experiment").mkdir(parents=True)
    for seed, name in enumerate(NAMES, start=10):
        (folder / "experiment" / f"{name}.yaml").write_text(f"# @package _global_\nseed: {seed}\n")
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_no_number(name: str, presets: Path, command: Command) -> None:
    composed = yaml.safe_load(command("--config-dir", "c", "--cfg", "job", f"experiment={name}").out)
    assert composed["seed"] == 10 + NAMES.index(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_a_list_of_defaults_is_no_number(name: str, presets: Path, command: Command) -> None:
    Path("c/top.yaml").write_text(f"defaults: [config, _self_, {{override /experiment: {name}}}]\n")
    composed = yaml.safe_load(command("--config-dir", "c", "-cn", "top", "--cfg", "job").out)
    assert composed["seed"] == 10 + NAMES.index(name)


def test_names_are_swept_and_label_their_jobs(presets: Path, command: Command) -> None:
    names = ",".join(NAMES[:5])
    said = command("plan", "--config-dir", "c", "model=linear", f"experiment={names}", "--json", "threads=1")
    assert [job["job"] for job in said.json] == [f"experiment={name}" for name in NAMES[:5]]


def test_several_presets_are_names(presets: Path, command: Command) -> None:
    composed = yaml.safe_load(command("--config-dir", "c", "--cfg", "job", "experiment=[1,001]").out)
    assert composed["seed"] == 11


@pytest.mark.parametrize(
    ("argv", "key", "value"),
    [
        (["experiment=null"], "seed", 0),
        (["experiment=line", "scheduler=null"], "scheduler", {"interval": "step", "metric": "loss"}),
        (["scheduler=null"], "scheduler", {"interval": "step", "metric": "loss"}),
    ],
)
def test_null_is_none_of_a_group(argv: list[str], key: str, value: Any, command: Command) -> None:
    assert yaml.safe_load(command("--cfg", "job", *argv).out)[key] == value


def test_none_of_a_group_is_swept(command: Command) -> None:
    said = command("plan", "experiment=null,gaussian_mlp", "scheduler=null,cosine", "--json", "threads=1")
    assert [job["job"] for job in said.json] == [
        "experiment=null,scheduler=null", "experiment=null,scheduler=cosine",
        "experiment=gaussian_mlp,scheduler=null", "experiment=gaussian_mlp,scheduler=cosine",
    ]  # fmt: skip


MODEL = "_target_: parts.One\nfeatures: ${facts.features}\noutputs: ${facts.outputs}\n"


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    folder = tmp_path / "c"
    (folder / "model" / "act").mkdir(parents=True)
    for name in ("relu", "tanh", "1"):
        (folder / "model" / "act" / f"{name}.yaml").write_text(
            f"_target_: torch.nn.{name}\nslope: ${{seed}}\n"
        )
    (folder / "model" / "withact.yaml").write_text("defaults: [act: relu, _self_]\n" + MODEL)
    (folder / "model" / "two.yaml").write_text("defaults: [act@a1: relu, act@a2: relu]\n" + MODEL)
    (folder / "model" / "one.yaml").write_text(MODEL)
    return folder


def saved(option: str, *overrides: str) -> RunConfig:
    values = {"seed": 3, "model": {"_target_": "parts.One", "act": {"_target_": "torch.nn.relu"}}}
    return RunConfig(values, {}, {"model": option, "optimizer": "adam"}, list(overrides))


@pytest.mark.parametrize(
    ("option", "word", "place"),
    [
        ("withact", "model/act=tanh", ("act", "torch.nn.tanh")),
        ("withact", "model/act=1", ("act", "torch.nn.1")),
        ("one", "+model/act=tanh", ("act", "torch.nn.tanh")),
        ("two", "model/act@model.a2=tanh", ("a2", "torch.nn.tanh")),
    ],
)
def test_a_nested_group_of_a_saved_run(option: str, word: str, place: tuple[str, str], nested: Path) -> None:
    new = saved(option).with_overrides([word], [nested])
    key, target = place
    assert new.values["model"][key]["_target_"] == target
    assert new.interpolations == {f"model.{key}.slope": "seed"}
    assert new.values["model"]["_target_"] == "parts.One"


def test_what_was_typed_for_a_nested_option_stays(nested: Path) -> None:
    before = saved("withact", "model.act.slope=5", "model.act.other=1")
    new = before.with_overrides(["model/act=tanh"], [nested])
    assert new.values["model"]["act"] == {"_target_": "torch.nn.tanh", "slope": 5}


@pytest.mark.parametrize("word", ["experiment=line", "experiment=1", "+experiment=lr_sweep"])
def test_a_preset_is_no_part_of_a_saved_run(word: str) -> None:
    with pytest.raises(ConfigError, match="a preset changes several things and is no part of a saved run"):
        saved("cnn").with_overrides([word])


def test_null_in_a_saved_run() -> None:
    new = saved("cnn").with_overrides(["scheduler=null"])
    assert new.groups["scheduler"] == "none"
