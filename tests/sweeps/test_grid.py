"""From the words of a command to the points of a sweep."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from sweepboard.compose.override_grammar import why_unreadable
from sweepboard.errors import ConfigError
from sweepboard.sweeps.grid import grid
from sweepboard.sweeps.point_filter import holds, read_filter
from sweepboard.sweeps.sweep_overrides import refuse_two_of_a_key


def test_every_combination_the_last_key_fastest() -> None:
    assert grid(["a.b=1,2", "c=x", "+d=range(0,2)"]) == [
        ["a.b=1", "c=x", "+d=0"],
        ["a.b=1", "c=x", "+d=1"],
        ["a.b=2", "c=x", "+d=0"],
        ["a.b=2", "c=x", "+d=1"],
    ]


def test_the_last_word_of_a_key_stands() -> None:
    assert grid(["a=1,2", "a=3"]) == [["a=3"]]
    assert grid(["a=[1,2]", "b='x,y'"]) == [["a=[1,2]", "b='x,y'"]]


def test_zipped_keys_go_together() -> None:
    words = ["a=1,2", "b=x,y", "c=5,6"]
    together = [["a=1", "c=5", "b=x"], ["a=1", "c=5", "b=y"], ["a=2", "c=6", "b=x"], ["a=2", "c=6", "b=y"]]
    assert grid(words, zips=["a", "c"]) == together
    assert grid(words, zips=[["a", "c"]]) == together
    assert grid(words, zips=[["a", "b", "c"]]) == [["a=1", "b=x", "c=5"], ["a=2", "b=y", "c=6"]]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_a_grid_has_the_product_of_the_counts(counts: list[int]) -> None:
    words = [f"k{index}=range(0,{count})" for index, count in enumerate(counts)]
    points = grid(words)
    expected = 1
    for count in counts:
        expected *= count
    assert len({tuple(point) for point in points}) == len(points) == expected


@pytest.mark.parametrize(
    ("words", "zips", "line"),
    [
        (["a=range(1,1)"], [], "a: has no values, so the sweep has no jobs"),
        (
            ["lr=interval(0,1)"],
            [],
            "lr=interval(0,1): an interval holds no end of values; list some, as lr=0.1,0.01, "
            "or search it with hydra/sweeper=optuna",
        ),
        (["a=1,2", "b=1,2,3"], ["a", "b"], "sweep.zip: a has 2 values, b has 3 values: give each as many"),
        (
            ["alpha=1,2", "b=1,2"],
            ["alhpa", "b"],
            "sweep.zip: alhpa has no values to go through; did you mean alpha?",
        ),
        (["a=1,2", "b=1,2"], [["a", "b"], ["b", "a"]], "sweep.zip: b is named twice; name each key once"),
        (
            ["a=1,2"],
            ["a"],
            "sweep.zip: needs two keys or more, as sweep.zip=[optimizer.lr,dataset.batch_size]",
        ),
    ],
)
def test_mistakes_have_one_line(words: list[str], zips: list[Any], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        grid(words, zips)
    assert str(caught.value) == line


CONFIG = {"optimizer": {"lr": 0.1}, "dataset": {"batch_size": 64, "in_memory": True}, "seed": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("optimizer.lr * dataset.batch_size < 10", True),
        ("optimizer.lr * dataset.batch_size / 2 > 10 or model == 'cnn'", False),
        ("not model in ['cnn', 'linear'] and 0 < optimizer.lr <= 0.1", True),
        ("dataset.batch_size % 3 == -(-1)", True),
        ("model == mlp and dataset.in_memory", True),
        ("model in [cnn, linear]", False),
    ],
)
def test_conditions_are_arithmetic_on_keys(text: str, expected: bool) -> None:
    assert condition_holds(text) is expected


def condition_holds(text: str) -> bool:
    condition = read_filter(text)
    assert condition is not None
    return holds(condition, OmegaConf.create(CONFIG), {"model": "mlp"})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("lr <", "cannot read 'lr <': write comparisons such as 'optimizer.lr < 0.1 and model == cnn'"),
        (
            "__import__('os').getcwd()",
            "\"__import__('os').getcwd()\" is not understood; write comparisons such",
        ),
        ("model / 2 > 1", "unsupported operand type(s) for /: 'str' and 'int'"),
        ("9 ** 9 > 1", "'9 ** 9' is not understood; write comparisons such"),
        ("optimizer.l > 1", "there is no optimizer.l; did you mean optimizer.lr?"),
        *((text, "is no comparison") for text in ("seed", "1", "'yes'", "not seed", "(seed > 1,)", "[]")),
    ],
)
def test_what_is_no_condition_is_told(text: str, line: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"sweep.filter={text}: ")) as caught:
        condition_holds(text)
    assert line in str(caught.value)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("range(0.1,0.5,0.1)", "0.1 0.2 0.3 0.4"),
        ("range(0.7,1,0.1)", "0.7 0.8 0.9"),
        ("range(1e-4,4e-4,1e-4)", "0.0001 0.0002 0.0003"),
        ("sort(range(1.3,0,-0.5))", "0.3 0.8 1.3"),
        ("sort(range(1,10,4),reverse=true)", "9 5 1"),
        ("sort(sort(range(10,1,-4)),reverse=true)", "10 6 2"),
        ("sort(shuffle(range(3)))", "0 1 2"),
        ("sort(3,1,2)", "1 2 3"),
        ("float(range(1,3))", "1.0 2.0"),
    ],
)
def test_a_range_has_the_numbers_that_are_written(text: str, numbers: str) -> None:
    assert grid([f"a={text}"]) == [[f"a={number}"] for number in numbers.split()]


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("model=mlp,glob(l*)", "type 'model=glob([mlp,l*])'"),
        ("model=glob(c*),mlp,glob([l*,p])", "type 'model=glob([c*,mlp,l*,p])'"),
        ("model=mlp,glob(*,exclude=c*)", "list all values, as model=1,2,3"),
        ("seed=1,range(5,8)", "list all values, as seed=1,2,3"),
        ("seed=choice(1,2),5", "list all values, as seed=1,2,3"),
        ("+a=range(3),range(5,7)", "list all values, as a=1,2,3"),
    ],
)
def test_what_is_none_of_several_values_is_told(word: str, line: str) -> None:
    for refuse in (lambda: grid([word]), lambda: refuse_two_of_a_key([word], "basic")):
        with pytest.raises(ConfigError, match=re.escape(f"{word}: ")) as caught:
            refuse()
        assert line in str(caught.value)


@pytest.mark.parametrize("pattern", ["[ml]*", "?[!n]*", "[a-m]lp"])
def test_a_pattern_with_brackets_is_told_with_its_quotes(pattern: str) -> None:
    why = why_unreadable(f"model=glob({pattern})")
    assert why.endswith(f"""type 'model=glob("{pattern}")'""")
