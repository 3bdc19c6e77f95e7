"""Labels, hyperparameters and group names: what they promise for any input."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweepboard.hyperparameters import asked_for, board_columns, group_name, hparams
from sweepboard.names import LABEL_LENGTH, label

KEYS = st.from_regex(r"[a-z_]{1,8}(\.[a-z_]{1,8}){0,2}", fullmatch=True)
VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["0.1", "1e-3", "[1,2]", "../x", "..", ".", "'a b'", "${a.b}", "null", "con", "[a,b=1]"]),
    st.from_regex(r"[\w.,+=\[\]-]{0,20}", fullmatch=True),
)
OVERRIDES = st.lists(st.builds(lambda key, value: f"{key}={value}", KEYS, VALUES), max_size=5)


def test_label_says_only_what_was_typed() -> None:
    assert label([]) == ""
    assert label(["model=mlp", "optimizer.lr=0.1"]) == "model=mlp,optimizer.lr=0.1"
    assert label(["+model.width=8", "++seed=1", "~optimizer.eps"]) == "model.width=8,seed=1,no-optimizer.eps"
    assert (
        label(["hydra.run.dir=x", "hydra/launcher=basic", "output_root=/tmp", "sweep.jobs=2", "seed=2"])
        == "seed=2"
    )
    assert label(["model.hidden=[128,64]"]) == "model.hidden=128+64"
    assert label(["model.hidden=[128]", "model.act=[]"]) == "model.hidden=128+,model.act=+"


def test_the_last_value_of_a_key_stands() -> None:
    assert label(["seed=1", "model=mlp", "seed=2"]) == "seed=2,model=mlp"


def test_what_had_to_be_replaced_is_told_apart_by_a_hash() -> None:
    one, other = label(["dataset.root=/data/a"]), label(["dataset.root=-data-a"])
    assert re.fullmatch(r"dataset\.root=-data-a-[0-9a-f]{8}", one)
    assert other == "dataset.root=-data-a"


def test_labels_are_stable() -> None:
    # A changed hash would make a resumed sweep look for other folders.
    assert label(["dataset.root=/data/a"]) == "dataset.root=-data-a-919c0922"


@given(OVERRIDES)
def test_a_label_is_one_safe_path_component(overrides: list[str]) -> None:
    name = label(overrides)
    assert re.fullmatch(r"[A-Za-z0-9_.,=+-]*", name)
    assert len(name) <= LABEL_LENGTH
    assert ".." not in name
    assert not name.startswith((".", "-"))
    assert not name.endswith((".", " "))
    assert name.split(".")[0].lower() not in {"con", "prn", "aux", "nul", "com1", "lpt1"}


@given(OVERRIDES, OVERRIDES)
def test_different_overrides_have_different_labels(one: list[str], other: list[str]) -> None:
    def meaning(overrides: list[str]) -> dict[str, str]:
        pairs = (override.strip().partition("=") for override in overrides)
        return {key: value for key, _, value in pairs}

    assert (label(one) == label(other)) == (list(meaning(one).items()) == list(meaning(other).items()))


CONFIG = {
    "seed": 3,
    "threads": 2,
    "model": {
        "_target_": "sweepboard.models.MLP",
        "hidden": [128, 64],
        "batch_norm": False,
        "outputs": 10,
    },
    "dataset": {
        "_target_": "x.Y",
        "root": "/data",
        "workers": 4,
        "batch_size": 64,
        "augment": "none",
        "augment_padding": 4,
        "validate_on": "test",
        "val_fraction": 0.1,
    },
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.001, "amsgrad": None},
    "scheduler": {"interval": "step", "metric": "loss"},
    "trainer": {
        "epochs": 5,
        "steps": 100,
        "precision": "fp32",
        "early_stopping": {"patience": None, "min_delta": 0.0},
        "checkpoint": {"every_epochs": 1},
    },
    "logging": {"images": 16},
}
GROUPS = {
    "model": "mlp",
    "optimizer": "adam",
    "trainer": "default",
    "experiment": None,
    "hydra/launcher": "basic",
}


def test_hparams_are_what_makes_a_difference() -> None:
    row = hparams(CONFIG, GROUPS, [], {"model.outputs": "facts.outputs"})
    classes = {key: row.pop(key) for key in list(row) if key.endswith("._target_")}
    assert classes.keys() == {"model._target_", "dataset._target_", "optimizer._target_"}
    assert row == {
        "model": "mlp",
        "optimizer": "adam",
        "model.hidden": "[128, 64]",
        "model.batch_norm": False,
        "dataset.batch_size": 64,
        "dataset.augment": "none",
        "dataset.validate_on": "test",
        "optimizer.lr": 0.001,
        "trainer.steps": 100,
        "trainer.precision": "fp32",
    }
    told = row | {"dataset._target_": "x.Y"}
    assert board_columns(row | classes, [], set()) == told, (
        "an option tells its class, and there is none of the data"
    )


@pytest.mark.parametrize(
    ("words", "swept", "key", "value"),
    [
        (["optimizer._target_=torch.optim.Adam"], [], "optimizer._target_", "torch.optim.Adam"),
        (["trainer.checkpoint.every_epochs=1"], [], "trainer.checkpoint.every_epochs", 1),
        (["trainer={checkpoint:{every_epochs:1}}"], [], "trainer.checkpoint.every_epochs", 1),
        (["++logging.images=16"], [], "logging.images", 16),
        (["trainer=default"], [], "trainer", "default"),
        ([], ["dataset.root"], "dataset.root", "/data"),
        ([], ["dataset.workers"], "dataset.workers", 4),
    ],
)
def test_what_was_asked_for_is_a_column(words: list[str], swept: list[str], key: str, value: object) -> None:
    asked = asked_for(CONFIG, words, swept)
    row = hparams(CONFIG, GROUPS, asked)
    assert row[key] == value
    assert key in board_columns(row, asked, set())
    options = {name: option for name, option in row.items() if "." not in name}
    assert board_columns(row, asked, {key}) == {**options, key: value}, "in a sweep, it and the options"
    if not key.startswith("optimizer"):
        assert key not in hparams(CONFIG, GROUPS)


@pytest.mark.parametrize(
    "word", ["dataset.root=/data", "seed=3", "sweep.jobs=2", "output_root=x", "hydra.job.name=a", "dataset=x"]
)
def test_places_and_repeats_are_no_column(word: str) -> None:
    row = hparams({**CONFIG, "output_root": "x"}, GROUPS, asked_for(CONFIG, [word]))
    assert row == hparams(CONFIG, GROUPS)


def test_options_of_nested_groups_and_of_ones_own_are_columns() -> None:
    groups = {**GROUPS, "model/act": "relu", "flavour": "mild", "hydra/job_logging": "default"}
    row = hparams(CONFIG, groups)
    assert (row["model/act"], row["flavour"]) == ("relu", "mild")
    assert not [key for key in row if "hydra" in key]


def test_a_group_is_the_same_for_any_seed_and_any_spelling_of_a_number() -> None:
    row = hparams(CONFIG, GROUPS)
    assert group_name(row) == group_name(hparams({**CONFIG, "seed": 9}, GROUPS))
    assert group_name({"a": 1, "b": 2.0}) == group_name({"b": 2, "a": 1.0})
    assert group_name({"a": 1}) != group_name({"a": True})
    assert group_name({"a": 1}) != group_name({"a": "1"})


@given(st.dictionaries(st.text(), st.one_of(st.booleans(), st.integers(), st.floats(), st.text())))
def test_group_names_do_not_depend_on_order(row: dict[str, bool | int | float | str]) -> None:
    assert group_name(row) == group_name(dict(reversed(row.items())))
