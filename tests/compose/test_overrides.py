"""What Hydra 1.3 lacks: lists are added to, `+` replaces nothing, and a null can be deleted."""

from __future__ import annotations

from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from sweepboard import plain_yaml
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import ConfigError
from tests.command import TINY, Command

MLP = ["model=mlp", "dataset=gaussian", *(word for word in TINY if word != "model=linear")]
REFUSED = {
    "+model.hidden=[8]": (
        "+model.hidden: is there already; type 'model.hidden=extend_list(8)' to add to it, "
        "or 'model.hidden=[8]' to replace it"
    ),
    "+model.hidden=[]": (
        "+model.hidden: is there already; type 'model.hidden=extend_list()' to add to it, "
        "or 'model.hidden=[]' to replace it"
    ),
    "+model={hidden: [8]}": (
        "+model: model.hidden is there already; type '++model={hidden: [8]}' to add and replace"
    ),
    "+optimizer={maximize: true, lr: 0.5}": (
        "+optimizer: optimizer.lr is there already; "
        "type '++optimizer={maximize: true, lr: 0.5}' to add and replace"
    ),
    "+optimizer.lr=[0.1]": "+optimizer.lr: is there already; leave out the +",
    "+optimizer.lr=3": "+optimizer.lr: is there already; leave out the +",
    "optimizer.lr=extend_list(8)": "optimizer.lr: is no list to add to; type optimizer.lr=[...]",
    "model={hidden: extend_list(8)}": (
        "model={hidden: extend_list(8)}: extend_list stands alone; type KEY=extend_list(...)"
    ),
    "~optimizer.nope": "~optimizer.nope: there is nothing of that name to delete; did you mean "
    "optimizer.no_decay?",
}


@pytest.mark.parametrize("word", REFUSED)
def test_what_would_replace_or_do_nothing_is_refused(word: str, command: Command) -> None:
    for words in ([], ["-m", "seed=1,2"], ["-m", "seed=1,2", "hydra/sweeper=optuna"]):
        assert command(*words, *MLP, word, code=2).line.endswith(REFUSED[word])


def saved() -> RunConfig:
    """A saved run, in whose values `${` is text."""
    config = {
        "seed": 3,
        "model": {"hidden": [8, "${x}"], "tag": None},
        "optimizer": {"lr": 0.1},
    }
    return RunConfig(config, {"model.hidden[0]": "seed"}, {}, [])


@pytest.mark.parametrize("word", REFUSED)
def test_the_same_is_refused_of_a_saved_run(word: str) -> None:
    with pytest.raises(ConfigError) as raised:
        saved().with_overrides([word])
    assert str(raised.value) == REFUSED[word]


@pytest.mark.parametrize(
    ("words", "hidden"),
    [
        (["model.hidden=extend_list(4,2)"], [8, "${x}", 4, 2]),
        (["model.hidden=extend_list('4',[2])"], [8, "${x}", "4", [2]]),
        (["model.hidden=extend_list(4)", "model.hidden=extend_list(2)"], [8, "${x}", 4, 2]),
    ],
)
def test_a_list_of_a_saved_run_is_added_to(words: list[str], hidden: list[Any]) -> None:
    changed = saved().with_overrides(words)
    assert changed.values["model"]["hidden"] == hidden
    assert changed.interpolations == saved().interpolations


def test_an_added_value_may_follow_another_key() -> None:
    changed = saved().with_overrides(["model.hidden=extend_list(4,${optimizer.lr})"])
    assert changed.values["model"]["hidden"] == [8, "${x}", 4, None]
    assert changed.interpolations == {"model.hidden[0]": "seed", "model.hidden[3]": "optimizer.lr"}
    assert saved().with_overrides(["model.hidden=[1,${seed}]"]).interpolations == {"model.hidden[1]": "seed"}


def test_a_null_of_a_saved_run_is_deleted() -> None:
    assert "tag" not in saved().with_overrides(["~model.tag"]).values["model"]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["model.hidden=extend_list(8,4)"], {"hidden": [256, 128, 8, 4]}),
        (["model.hidden=[1]", "model.hidden=extend_list('a b')"], {"hidden": [1, "a b"]}),
        (["model.hidden=extend_list(null,${seed})"], {"hidden": [256, 128, None, "${seed}"]}),
        (["+model={x: 1, y: [2]}"], {"x": 1, "y": [2]}),
        (["++model={hidden: [8]}"], {"hidden": [8]}),
        (["+model.tag=null", "~model.tag"], {"tag": "absent"}),
        (["+model.tag=null", "~model.tag=null", "+model.tag=[1]"], {"tag": [1]}),
    ],
)
def test_what_is_laid_over_a_configuration(words: list[str], shown: dict[str, Any], command: Command) -> None:
    said = plain_yaml.load(command("--cfg", "job", "-p", "model", "model=mlp", *words).out)
    assert {name: said.get(name, "absent") for name in shown} == shown


@pytest.mark.parametrize(
    ("words", "jobs"),
    [
        (["model.hidden=extend_list(8),extend_list(4,2),[1]"], ["256+128+8", "256+128+4+2", "1+"]),
        (["model.hidden=[1]", "model.hidden=extend_list(8),extend_list(4)"], ["1+8", "1+4"]),
        (["model.hidden=[1],[2]", "model.hidden=extend_list(8)"], ["1+8", "2+8"]),
    ],
)
def test_values_to_go_through_add_to_a_list(words: list[str], jobs: list[str], command: Command) -> None:
    planned = command("plan", "--json", *MLP, *words).json
    assert [entry["job"] for entry in planned] == [f"model.hidden={job}" for job in jobs]


def test_a_text_that_is_added_stays_one() -> None:
    swept = OverridesParser.create().parse_override("k=extend_list('8',a),extend_list(['8'])")
    assert list(swept.sweep_string_iterator()) == ["extend_list('8','a')", "extend_list(['8'])"]


def test_a_search_adds_to_lists_and_its_best_preset_holds_the_whole_list(command: Command) -> None:
    space = "model.hidden=extend_list(8),extend_list(8,4)"
    command("-m", "hydra/sweeper=optuna", *MLP, space, "hydra.sweeper.trials=1", "sweep.name=s")
    said = command("--config-dir", "outputs/sweeps/s", "experiment=best", "--cfg", "job", "-p", "model").out
    assert plain_yaml.load(said)["hidden"] in ([256, 128, 8], [256, 128, 8, 4])


@pytest.mark.parametrize("value", ["${hydra:job.num}", "[1,${hydra:runtime.cwd}]", "x_${hydra:job.name}"])
def test_values_of_hydra_are_not_known_to_a_saved_run(value: str) -> None:
    with pytest.raises(ConfigError, match=r"^model\.tag: \$\{hydra:\.\.\.\} is not known to a saved run"):
        saved().with_overrides([f"model.tag={value}"])
