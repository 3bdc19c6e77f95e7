"""A setting is written once: all that is said of it elsewhere is asked of its field, and its YAML agrees."""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from omegaconf import OmegaConf

import sweepboard
from sweepboard.errors import ConfigError
from sweepboard.hyperparameters import hparams
from sweepboard.names import flatten
from sweepboard.settings import (
    GROUPS,
    LAUNCHER,
    PROGRAM,
    SEARCH,
    SHARED_KEYS,
    WEIGHTS,
    Config,
    DatasetSettings,
    Facts,
    ProgramSettings,
    RaySettings,
    SearchSettings,
    Setting,
    SlurmSettings,
    SweepSettings,
    conditions,
    effect_of,
    keys_with,
    setting,
    settings,
    settings_in,
    unused,
)
from sweepboard.settings.field import Effect, rules_of
from sweepboard.settings.json_schema import SCHEMAS, json_schema
from tests.command import Command
from tests.preparing import composed

CONF = Path(str(files("sweepboard.conf")))
BASES = {
    "config": "",
    "sweeps": "",
    "trainer/default": "trainer.",
    "logging/tensorboard": "logging.",
    "hydra/sweeper/optuna": f"{SEARCH}.",
    "hydra/launcher/slurm": f"{LAUNCHER}.",
    "hydra/launcher/ray": f"{LAUNCHER}.",
    "program": "",
}
"""The files that hold the defaults, and where in the configuration they stand."""

LAUNCHERS = {"slurm": SlurmSettings, "ray": RaySettings}
"""Settings of different launchers may have the same key."""


def all_settings() -> list[Setting]:
    plugins = settings_in(SearchSettings, f"{SEARCH}."), *map(of_a_launcher, LAUNCHERS)
    return [*settings().values(), *chain(*plugins), *of_a_program()]


def of_a_launcher(option: str) -> list[Setting]:
    return list(settings_in(LAUNCHERS[option], f"{LAUNCHER}."))


def of_a_program() -> list[Setting]:
    return list(settings_in(ProgramSettings, f"{PROGRAM}."))


def written() -> Iterator[str]:
    """The keys in the files of defaults, those that are ours and no constructor's."""
    for file, prefix in BASES.items():
        content: Any = OmegaConf.to_container(OmegaConf.load(CONF / f"{file}.yaml"), resolve=False)
        for key, _ in flatten(content):
            if not f"{prefix}{key}".startswith(("defaults", "hydra.job", "hydra.run", "hydra.sweep.")):
                yield f"{prefix}{key}"


def test_every_setting_stands_in_one_file_of_yaml_and_every_key_there_is_a_setting() -> None:
    ours = [each.key for each in all_settings()]
    targets = [f"{SEARCH}._target_", *[f"{LAUNCHER}._target_"] * len(LAUNCHERS)]
    others = [*targets, f"{SEARCH}.params", "hydra.output_subdir"]
    assert Counter(written()) == Counter([*ours, *others])


def test_the_defaults_in_yaml_are_in_force_and_those_of_the_fields() -> None:
    searched = [*settings().values(), *settings_in(SearchSettings, f"{SEARCH}.")]
    sources: list[tuple[Any, list[Setting]]] = [(composed(("hydra/sweeper=optuna",)), searched)]
    sources += [(composed((f"hydra/launcher={option}",)), of_a_launcher(option)) for option in LAUNCHERS]
    for source, found in [*sources, (OmegaConf.load(CONF / "program.yaml"), of_a_program())]:
        for each in found:
            value = OmegaConf.select(source, each.key)
            assert (value, type(each.default)) == (each.default, type(each.default)), each.key


def test_every_field_is_a_setting_or_a_group_of_them() -> None:
    plain = {item.name for item in fields(Config) if rules_of(item) is None}
    assert plain == {*GROUPS, WEIGHTS, "sweep", "facts"}
    for group in {each.group for each in all_settings()} - {Config}:
        without = {item.name for item in fields(group) if rules_of(item) is None}
        assert without <= {"early_stopping", "checkpoint"}


@pytest.mark.parametrize("each", all_settings(), ids=lambda each: each.key)
def test_every_setting_has_a_docstring_an_effect_a_range_and_a_valid_default(each: Setting) -> None:
    assert each.text.endswith((".", ")"))
    assert each.rules.effect in get_args(Effect)
    assert each.rules.problem(each.key, each.default) is None
    is_number = {int, float} & {each.type, *get_args(each.type)}
    assert bool(each.rules.range) == bool(is_number)


def test_a_value_is_held_against_choices_and_range() -> None:
    def told(key: str, value: Any) -> str | None:
        return settings()[key].rules.problem(key, value)

    assert told("trainer.epochs", 0) == "trainer.epochs: must be 1 or more, got 0"
    assert told("dataset.val_fraction", 1.0) == (
        "dataset.val_fraction: must be at least 0 and less than 1, got 1.0"
    )
    assert told("seed", 2**32) == "seed: must be from 0 to 4294967295, got 4294967296"
    assert told("trainer.grad_clip", float("inf")) == "trainer.grad_clip: must be a number above 0, got inf"
    assert told("trainer.grad_clip", float("nan")) == "trainer.grad_clip: must be a number above 0, got nan"
    assert told("trainer.compile", "fast") == (
        "trainer.compile=fast: choose from false, true, reduce-overhead, max-autotune"
    )
    assert told("sweep.jobs", 0) == "sweep.jobs: must be auto, 1 or more, got 0"
    assert told("sweep.jobs", "some") == "sweep.jobs=some: choose from auto, 1 or more"
    assert told("device", "cuda:7") is None
    assert told("device", "cuda:x") == "device=cuda:x: choose from auto, cpu, cuda, cuda:1, mps"
    assert told("trainer.early_stopping.mode", None) is None


def test_effects() -> None:
    assert keys_with("length") == {"trainer.epochs", "trainer.steps"}
    assert keys_with("place") == {"output_root", "imports", "sweep.name"}
    without_effect = {"dataset.workers", "dataset.in_memory", "trainer.checkpoint.every_epochs"}
    assert without_effect <= keys_with("speed")
    assert all(key.startswith("logging.") for key in keys_with("logging"))
    assert (effect_of("model.hidden"), effect_of("dataset.root"), effect_of("facts.steps")) == (
        "result", "place", None,
    )  # fmt: skip
    assert set(conditions("arithmetic")) >= {"device", "threads", "trainer.channels_last"}


PAIRS: dict[str, Any] = {
    "task": {"_target_": "sweepboard.tasks.Classification"},
    "facts": {"input_shape": [8]},
    "trainer": {"limit_val_batches": None},
}


@pytest.mark.parametrize(
    ("other", "effect"),
    [
        ({}, "rounding"),
        ({"task": PAIRS["task"] | {"loss": {"_target_": "torch.nn.CrossEntropyLoss"}}}, "rounding"),
        ({"task": {"_target_": "torch.nn.L1Loss"}}, "rounding"),
        ({"task": PAIRS["task"] | {"loss": {"_target_": "mine.Loss"}}}, "result"),
        ({"task": PAIRS["task"] | {"loss": {"_target_": "torch.nn.functional.cross_entropy"}}}, "result"),
        ({"task": {"_target_": "mine.Task"}}, "result"),
        ({"facts": {"input_shape": None}}, "result"),
        ({"trainer": {"limit_test_batches": 1}}, "result"),
    ],
    ids=str,
)
def test_batches_of_evaluation_change_nothing_only_where_that_is_known(other: Any, effect: str) -> None:
    assert effect_of("dataset.eval_batch_size", configs=[PAIRS, PAIRS | other]) == effect
    assert effect_of("dataset.eval_batch_size", configs=[PAIRS | other, PAIRS]) == effect


def test_every_setting_of_a_sweep_says_which_plug_in_acts_on_it() -> None:
    assert [each.name for each in settings_in(SweepSettings) if each.rules.plugin is None] == ["name"]


def test_what_another_setting_leaves_unused() -> None:
    config = {"trainer": {"steps": 3}, "dataset": {"augment": "crop"}, "scheduler": {"interval": "step"}}
    found = set(unused(config))
    assert {"trainer.epochs", "trainer.early_stopping.mode", "scheduler.metric"} <= found
    assert "dataset.augment_padding" not in found


def test_no_list_of_settings_is_kept_elsewhere() -> None:
    package = Path(sweepboard.__file__).parent
    known = {key for key in settings() if "." in key}
    for path in package.rglob("*.py"):
        if "settings" in path.relative_to(package).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            items = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
            words = {item.value for item in items if isinstance(item, ast.Constant)}
            assert len(known & words) < 3, f"{path}: {known & words}: ask sweepboard.settings"


@dataclass
class WithPrefetch(DatasetSettings):
    """The example of CONTRIBUTING.md."""

    prefetch: int = setting(2, "speed", minimum=0)
    """Batches that each worker reads ahead. Changes speed, never a result."""


@pytest.fixture
def new_setting(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """`dataset.prefetch`, which is in its field and nowhere else."""
    monkeypatch.setitem(SHARED_KEYS, "dataset", WithPrefetch)
    settings.cache_clear()
    settings_in.cache_clear()
    yield "dataset.prefetch"
    monkeypatch.undo()
    settings.cache_clear()
    settings_in.cache_clear()


def test_a_new_setting_is_known_by_its_field_alone(new_setting: str, command: Command) -> None:
    assert f"{new_setting}=2" in command("--help").out
    assert settings()[new_setting].rules.problem(new_setting, -1)
    assert effect_of(new_setting) == "speed"
    assert new_setting not in hparams({"dataset": {"prefetch": 3}}, {})
    assert json_schema("dataset")["properties"]["prefetch"]["default"] == 2
    assert "did you mean dataset.prefetch?" in command("trainer.prefetch=3", code=2).line
    assert "dataset.prefetch: must be 0 or more" in command("dataset.prefetch=-1", code=2).line


FILES = sorted(path for path in CONF.rglob("*.yaml") if path.parent.name not in ("launcher", "job_logging"))
"""Of the options of Hydra's own plug-ins there is no schema."""


def schema_for(path: Path) -> dict[str, Any]:
    group = path.parent.relative_to(CONF).as_posix()
    return json_schema(group if group in SCHEMAS else None)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CONF).as_posix())
def test_shipped_yaml_is_valid_by_the_schema(path: Path) -> None:
    jsonschema.validate(OmegaConf.to_container(OmegaConf.load(path), resolve=False) or {}, schema_for(path))


RIGHT = {
    "trainer": ["epochs: 3", "epochs: ${facts.classes}", "checkpoint: ${other}", "compile: max-autotune"],
    "dataset": ["batch_size: ???", "root: here", "workers: ${oc.env:W}"],
    "experiment": ["model: {anything: 1}", "device: cuda:3", "sweep: {jobs: 2}", "trainer: {grad_clip: 1}"],
    "optimizer": [
        "groups: {backbone: {params: 'backbone.*', lr: 1e-4, betas: [0.9, 0.99]}, head: '${other}'}",
        "groups: {_target_: timm.optim.param_groups_layer_decay, layer_decay: 0.75}",
        "no_decay: [bias, norm]",
        "generator: {_target_: torch.optim.Adam, params: [gen.*]}",
    ],
    "hydra/sweeper": ["direction: [minimize, maximize]", "max_batch_size: 3"],
}
WRONG = {
    "trainer": [
        "epochs: 0",
        "epoch: 3",
        "epochs: three",
        "compile: fast",
        "checkpoint: {every: 1}",
        "steps: true",
    ],
    "dataset": ["batch_size: 0", "augment: crops", "val_fraction: 1"],
    "experiment": [
        "models: {}",
        "device: gpu",
        "sweep: {jobs: some}",
        "trainer: {grad_clip: 0}",
        "facts: {}",
    ],
    "optimizer": ["groups: [backbone]", "groups: {backbone: {lr_scale: 0}}", "no_decay: true"],
    "hydra/sweeper": ["direction: [up]", "trials: 0"],
}


@pytest.mark.parametrize(("group", "text"), [(group, text) for group in RIGHT for text in RIGHT[group]])
def test_the_schema_takes(group: str, text: str) -> None:
    jsonschema.validate(OmegaConf.to_container(OmegaConf.create(text), resolve=False), json_schema(group))


@pytest.mark.parametrize(("group", "text"), [(group, text) for group in WRONG for text in WRONG[group]])
def test_the_schema_refuses(group: str, text: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(OmegaConf.to_container(OmegaConf.create(text), resolve=False), json_schema(group))


def test_the_verb_prints_it(command: Command) -> None:
    assert json.loads(command("schema").out)["properties"]["trainer"]["properties"]["epochs"]["default"] == 5
    assert json.loads(command("schema", "logging").out)["additionalProperties"] is False
    said = command("schema", "loging", code=2)
    assert said.line == "sweepboard: loging: there is no such group; did you mean logging?"


def test_facts_are_not_set() -> None:
    assert "facts" not in json_schema()["properties"]
    assert not any(rules_of(item) for item in fields(Facts))
    with pytest.raises(ConfigError):
        json_schema("facts")
